-- The channels of user $1 as `ready` shows them.
SELECT m.role, m.floor_seq, m.read_seq, m.read_nth,
       (SELECT count(*) FROM mentions n
        WHERE n.user_id = m.user_id AND n.channel_id = m.channel_id AND n.nth > m.read_nth)
       AS mentions,
       c.term, c.rev, c.seq, c.nth,
       c.id, c.kind, c.visibility, c.created_by, c.created_at, c.name, c.topic, c.archived_at,
       c.info_rev
FROM members m
JOIN channels c ON c.id = m.channel_id
WHERE m.user_id = $1 AND m.left_at IS NULL
