-- A message of the system in channel $1, unread for nobody: its id $2, author $3, time $4, note $5.
-- Its id is its key: no key of a client is that.
WITH head AS (
    UPDATE channels SET rev = rev + 1, seq = seq + 1 WHERE id = $1 RETURNING rev, seq, nth
)
INSERT INTO messages (channel_id, seq, nth, rev, id, author_id, key, digest, body, created_at, system)
SELECT $1, seq, nth, rev, $2, $3, $2, '', '', $4, $5::jsonb FROM head
