-- Of the users $3 in channel $1, if $2 is its term: role $4, muted until $5 (0: no longer; null
-- leaves either as it is), and $6 the end of a ban. One rev for all who change, none if nobody does.
-- No row: the term is not the channel's.
WITH changing AS (
    SELECT m.user_id
    FROM members m
    WHERE m.channel_id = $1 AND m.user_id = ANY ($3::text[])
      AND (m.left_at IS NULL AND (m.role, coalesce(m.muted_until, 0)) IS DISTINCT FROM
                                 (coalesce($4, m.role), coalesce($5::bigint, m.muted_until, 0))
           OR $6::bool AND m.banned_at IS NOT NULL)
), head AS (
    UPDATE channels
    SET rev = rev + (SELECT least(count(*), 1) FROM changing)
    WHERE id = $1 AND term = $2
    RETURNING rev, seq, nth
), changed AS (
    UPDATE members m
    SET role = coalesce($4, m.role), muted_until = nullif(coalesce($5, m.muted_until), 0),
        banned_at = CASE WHEN NOT $6 THEN m.banned_at END, rev = h.rev
    FROM changing c CROSS JOIN head h
    WHERE m.channel_id = $1 AND m.user_id = c.user_id
    RETURNING m.user_id, m.role, m.joined_at, m.left_at, m.floor_seq, m.muted_until, m.banned_at
)
SELECT h.rev, h.seq, h.nth, c.user_id, c.role, c.joined_at, c.left_at, c.floor_seq, c.muted_until,
       c.banned_at, NULL::bigint AS number
FROM head h
LEFT JOIN changed c ON true
ORDER BY array_position($3::text[], c.user_id)
