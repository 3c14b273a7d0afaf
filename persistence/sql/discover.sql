-- The channels of user $1 and all public ones whose ids are below $2, newest first.
SELECT c.id, c.kind, c.visibility, c.created_by, c.created_at, c.name, c.topic, c.archived_at,
       c.info_rev, c.users, c.rules, c.gone_seq
FROM (
    (SELECT id FROM channels
     WHERE visibility = 'public' AND id < $2 ORDER BY id DESC LIMIT $3)
    UNION
    (SELECT channel_id FROM members
     WHERE user_id = $1 AND left_at IS NULL AND channel_id < $2 ORDER BY channel_id DESC LIMIT $3)
) AS seen
JOIN channels c USING (id)
ORDER BY c.id DESC
LIMIT $3
