-- Puts message $2 on the list of user $1, at $3, unless it is there, or $4 are: whether it is.
WITH known AS (
    SELECT FROM saved_messages WHERE user_id = $1 AND message_id = $2
), made AS (
    INSERT INTO saved_messages (user_id, message_id, saved_at)
    SELECT $1, $2, $3
    WHERE (SELECT count(*) FROM saved_messages WHERE user_id = $1) < $4
    ON CONFLICT DO NOTHING
    RETURNING user_id
)
SELECT EXISTS (SELECT FROM known) OR EXISTS (SELECT FROM made)
