-- The channels of the users $1 as `ready` shows them: an Overview, and whose it is.
SELECT c.id, c.kind, c.name, m.role, c.rev, c.seq, c.nth, m.read_seq, m.read_nth,
       (SELECT count(*) FROM mentions n
        WHERE n.user_id = m.user_id AND n.channel_id = m.channel_id AND n.nth > m.read_nth)
       AS mentions,
       m.floor_seq, c.users, m.hidden_nth, l.level, l.until, m.user_id
FROM members m
JOIN channels c ON c.id = m.channel_id
LEFT JOIN notify_levels l ON l.user_id = m.user_id AND l.channel_id = m.channel_id
WHERE m.user_id = ANY ($1::text[]) AND m.left_at IS NULL
