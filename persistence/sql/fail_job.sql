-- Job $1 failed, by $2 and $3; or an earlier try left its message, whose key is $4: it was sent.
WITH left_by AS (
    SELECT m.id, m.created_at FROM scheduled s
    JOIN messages m ON m.channel_id = s.channel_id AND m.author_id = s.user_id AND m.key = $4
    WHERE s.id = $1
)
UPDATE scheduled SET
    state = CASE WHEN EXISTS (SELECT FROM left_by) THEN 'sent' ELSE 'failed' END,
    body = CASE WHEN EXISTS (SELECT FROM left_by) THEN '' ELSE body END,
    message_id = (SELECT id FROM left_by),
    ended_at = (SELECT created_at FROM left_by),
    code = CASE WHEN EXISTS (SELECT FROM left_by) THEN '' ELSE $2 END,
    detail = CASE WHEN EXISTS (SELECT FROM left_by) THEN '' ELSE $3 END
WHERE id = $1 AND state = 'sending'
