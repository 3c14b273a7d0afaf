-- Makes $3 members of channel $1, if $2 is its term: one rev for all who were neither that nor
-- banned, none if there are none. $4 role, $5 time, $6 floor (null: the head), $7 who wants it. What is there
-- counts as read.
-- No row: the term is not the channel's.
WITH joining AS (
    SELECT DISTINCT u.user_id
    FROM unnest($3::text[]) AS u(user_id)
    WHERE (SELECT m.left_at IS NULL OR m.banned_at IS NOT NULL FROM members m
           WHERE m.channel_id = $1 AND m.user_id = u.user_id) IS NOT TRUE
), head AS (
    UPDATE channels
    SET rev = rev + (SELECT least(count(*), 1) FROM joining)
    WHERE id = $1 AND term = $2
    RETURNING rev, seq, nth
), joined AS (
    INSERT INTO members AS m (channel_id, user_id, role, joined_at, rev,
                              floor_seq, read_seq, read_nth)
    SELECT $1, j.user_id, $4, $5::bigint, h.rev, coalesce($6::bigint, h.seq), h.seq, h.nth
    FROM joining j CROSS JOIN head h
    ON CONFLICT (channel_id, user_id) DO UPDATE
    SET role = excluded.role, joined_at = excluded.joined_at, left_at = NULL, rev = excluded.rev,
        floor_seq = excluded.floor_seq, read_seq = excluded.read_seq, read_nth = excluded.read_nth
    RETURNING m.user_id, m.role, m.joined_at, m.left_at, m.floor_seq, m.muted_until, m.banned_at
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev, by_id)
    SELECT j.user_id, 'channel_added', $1, h.rev, $7::text FROM joined j CROSS JOIN head h
    RETURNING number, user_id
)
SELECT h.rev, h.seq, h.nth, j.user_id, j.role, j.joined_at, j.left_at, j.floor_seq, j.muted_until,
       j.banned_at, o.number
FROM head h
LEFT JOIN (joined j JOIN hinted o ON o.user_id = j.user_id) ON true
ORDER BY array_position($3::text[], j.user_id)
