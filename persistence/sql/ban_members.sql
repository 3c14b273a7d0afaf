-- Bans $3 from channel $1 at $4, if $2 is its term, members or not: one rev for all who were not
-- banned, none if nobody was not. Of those who were members each must hear.
-- No row: the term is not the channel's.
WITH banning AS (
    SELECT DISTINCT u.user_id,
           (SELECT m.left_at IS NULL FROM members m
            WHERE m.channel_id = $1 AND m.user_id = u.user_id) AS present
    FROM unnest($3::text[]) AS u(user_id)
    WHERE (SELECT m.banned_at IS NOT NULL FROM members m
           WHERE m.channel_id = $1 AND m.user_id = u.user_id) IS NOT TRUE
), head AS (
    UPDATE channels
    SET rev = rev + (SELECT least(count(*), 1) FROM banning)
    WHERE id = $1 AND term = $2
    RETURNING rev, seq, nth
), banned AS (
    INSERT INTO members AS m (channel_id, user_id, role, joined_at, left_at, banned_at, rev,
                              floor_seq, read_seq, read_nth)
    SELECT $1, b.user_id, 'member', $4::bigint, $4, $4, h.rev, h.seq, h.seq, h.nth
    FROM banning b CROSS JOIN head h
    ON CONFLICT (channel_id, user_id) DO UPDATE
    SET left_at = coalesce(m.left_at, excluded.left_at), banned_at = excluded.banned_at,
        rev = excluded.rev
    RETURNING m.user_id, m.role, m.joined_at, m.left_at, m.floor_seq, m.muted_until, m.banned_at
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev)
    SELECT b.user_id, 'channel_removed', $1, h.rev FROM banning b CROSS JOIN head h WHERE b.present
    RETURNING number, user_id
)
SELECT h.rev, h.seq, h.nth, b.user_id, b.role, b.joined_at, b.left_at, b.floor_seq, b.muted_until,
       b.banned_at, o.number
FROM head h
LEFT JOIN (banned b LEFT JOIN hinted o ON o.user_id = b.user_id) ON true
ORDER BY array_position($3::text[], b.user_id)
