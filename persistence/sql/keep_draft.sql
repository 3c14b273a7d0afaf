-- What user $1 writes in channel $2, in reply to message $3 ('': to none): text $4 at $5, of at most
-- $6 drafts; without text there is none. Whether it is kept. No row: no such place for the user.
WITH place AS (
    SELECT m.channel_id
    FROM members m
    WHERE m.channel_id = $2 AND m.user_id = $1 AND m.left_at IS NULL
      AND ($3 = '' OR (SELECT x.channel_id = $2 AND x.thread_id IS NULL AND x.seq > m.floor_seq
                       FROM messages x WHERE x.id = $3))
), gone AS (
    DELETE FROM drafts d USING place
    WHERE $4 = '' AND d.user_id = $1 AND d.channel_id = $2 AND d.thread_id = $3
), held AS (
    SELECT FROM drafts WHERE user_id = $1 AND channel_id = $2 AND thread_id = $3
), kept AS (
    INSERT INTO drafts AS d (user_id, channel_id, thread_id, body, updated_at)
    SELECT $1, $2, $3, $4, $5::bigint FROM place
    WHERE $4 <> '' AND (EXISTS (SELECT FROM held)
                        OR (SELECT count(*) FROM drafts WHERE user_id = $1) < $6::int)
    ON CONFLICT (user_id, channel_id, thread_id) DO UPDATE
    SET body = excluded.body, updated_at = excluded.updated_at
    RETURNING true
)
SELECT $4 = '' OR EXISTS (SELECT FROM kept) FROM place
