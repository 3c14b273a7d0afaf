-- Keep job $1 of user $2 with key $9 and digest $10, of at most $11 that wait or failed. The row that
-- has the key: the new one, or the first. No row: there are too many.
WITH kept AS (
    INSERT INTO scheduled (id, user_id, channel_id, thread_id, body, silent, send_at, created_at,
                           due_at, key, digest)
    SELECT $1, $2, $3, $4, $5, $6::boolean, $7::bigint, $8::bigint, $7::bigint, $9, $10::bytea
    WHERE (SELECT count(*) FROM scheduled
           WHERE user_id = $2 AND state IN ('pending', 'sending', 'failed')) < $11::int
    ON CONFLICT (user_id, key) DO NOTHING
    RETURNING *
)
SELECT * FROM kept
UNION ALL
SELECT * FROM scheduled WHERE user_id = $2 AND key = $9
