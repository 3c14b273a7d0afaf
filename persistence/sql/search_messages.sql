-- What user $1 may read of what is asked: $2 words, as websearch_to_tsquery reads them; $3 lexemes
-- that must be there, too; in the channels $4 (ids or lower-case names, null: all); posted from $5
-- on and before $6; below ($7, $8); $9 at most, newest first.
-- The index knows the channels as lexemes: what others say elsewhere is not even looked at. A user
-- without channels asks for null, and finds nothing.
WITH mine AS MATERIALIZED (
    SELECT r.channel_id
    FROM members r
    WHERE r.user_id = $1 AND r.left_at IS NULL
      AND ($4::text[] IS NULL
           OR (SELECT c.id = ANY ($4) OR lower(c.name) = ANY ($4)
               FROM channels c WHERE c.id = r.channel_id))
), asked AS MATERIALIZED (
    SELECT websearch_to_tsquery('simple', search_folded($2)) && $3::text::tsquery
           && (SELECT string_agg('''' || channel_id || '''', '|')::tsquery FROM mine) AS query
)
SELECT m.id, m.channel_id, m.seq, m.nth, m.rev, m.author_id, m.body,
       m.created_at, m.mentions, m.thread_id, m.files, m.edited_at, m.deleted_at,
       m.reactions, m.pinned_at, m.pinned_by,
       m.in_channel, m.replies, m.last_reply_seq, m.last_reply_at
FROM search_messages s
JOIN members r ON r.channel_id = s.channel_id AND r.user_id = $1
JOIN messages m ON m.channel_id = s.channel_id AND m.seq = s.seq
WHERE s.words @@ (SELECT query FROM asked)
  AND s.created_at >= $5 AND s.created_at < $6 AND (s.created_at, s.message_id) < ($7, $8)
  AND r.left_at IS NULL AND s.seq > r.floor_seq
  AND m.deleted_at IS NULL AND coalesce(m.edited_at, 0) = s.edited_at
ORDER BY s.created_at DESC, s.message_id DESC
LIMIT $9
