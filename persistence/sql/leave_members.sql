-- Ends the membership of $3 in channel $1 at $4, if $2 is its term: one rev for all who were
-- members, none if nobody was. No row: the term is not the channel's.
WITH leaving AS (
    SELECT m.user_id
    FROM members m
    WHERE m.channel_id = $1 AND m.user_id = ANY ($3::text[]) AND m.left_at IS NULL
), head AS (
    UPDATE channels
    SET rev = rev + (SELECT least(count(*), 1) FROM leaving)
    WHERE id = $1 AND term = $2
    RETURNING rev, seq, nth
), gone AS (
    UPDATE members m
    SET left_at = $4::bigint, rev = h.rev
    FROM leaving l CROSS JOIN head h
    WHERE m.channel_id = $1 AND m.user_id = l.user_id
    RETURNING m.user_id, m.role, m.joined_at, m.left_at, m.floor_seq, m.muted_until, m.banned_at
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev)
    SELECT g.user_id, 'channel_removed', $1, h.rev FROM gone g CROSS JOIN head h
    RETURNING number, user_id
)
SELECT h.rev, h.seq, h.nth, g.user_id, g.role, g.joined_at, g.left_at, g.floor_seq, g.muted_until,
       g.banned_at, o.number
FROM head h
LEFT JOIN (gone g JOIN hinted o ON o.user_id = g.user_id) ON true
ORDER BY array_position($3::text[], g.user_id)
