-- Take what is due at $1, at most $3, until $2: of one user in one channel only the first.
WITH due AS (
    SELECT j.id FROM scheduled j
    WHERE j.state IN ('pending', 'sending') AND j.due_at <= $1
      AND NOT EXISTS (
        SELECT FROM scheduled e
        WHERE e.user_id = j.user_id AND e.channel_id = j.channel_id
          AND e.state IN ('pending', 'sending')
          AND (e.send_at, e.number) < (j.send_at, j.number)
      )
    ORDER BY j.due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE scheduled s SET state = 'sending', due_at = $2
FROM due WHERE s.id = due.id
RETURNING s.*
