-- Raises the marker of user $1 in the thread of message $2 to the reply with seq $3 (null: leave it)
-- and sets whether the user follows it to $4 (null: leave it; who reads does not yet follow).
-- No row: no such message for the user, or it is a reply itself.
WITH root AS (
    SELECT m.*
    FROM messages m
    JOIN members reader ON reader.channel_id = m.channel_id AND reader.user_id = $1
    WHERE m.id = $2 AND m.thread_id IS NULL
      AND reader.left_at IS NULL AND m.seq > reader.floor_seq
), marked AS (
    INSERT INTO thread_followers AS f (user_id, root_id, following, read_number)
    SELECT $1, root.id, coalesce($4::bool, false),
           coalesce((SELECT r.reply_number FROM messages r
                     WHERE r.thread_id = root.id AND r.seq <= $3::bigint
                     ORDER BY r.seq DESC LIMIT 1), 0)
    FROM root
    ON CONFLICT (user_id, root_id) DO UPDATE
    SET following = coalesce($4::bool, f.following),
        read_number = greatest(f.read_number, excluded.read_number)
    RETURNING f.following, f.read_number
)
SELECT marked.following, marked.read_number, m.id, m.channel_id, m.seq, m.nth, m.rev, m.author_id,
       m.body, m.created_at, m.mentions, m.thread_id, m.files, m.edited_at, m.deleted_at,
       m.reactions, m.pinned_at, m.pinned_by,
       m.in_channel, m.replies, m.last_reply_seq, m.last_reply_at, m.system
FROM marked CROSS JOIN root m
