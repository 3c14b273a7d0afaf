-- Moves the read markers of user $1 in channels $2: down to seqs $3 (null: stay), then up to seqs $4.
-- Never above the head, never down below the floor: what is hidden, or gone, is not unread. The nth that goes
-- with a seq is that of its message. `shown`: at most $5 are in the channel, and may know of it.
UPDATE members m
SET read_seq = greatest(least(m.read_seq, mark.at_most), mark.at_least),
    read_nth = greatest(least(m.read_nth, mark.at_most_nth), mark.at_least_nth)
FROM (
    SELECT c.id, c.nth, bound.at_most, bound.at_least,
           coalesce((SELECT x.nth FROM messages x
                     WHERE x.channel_id = c.id AND x.seq <= bound.at_least
                     ORDER BY x.seq DESC LIMIT 1), c.gone_nth) AS at_least_nth,
           CASE WHEN bound.at_most IS NOT NULL THEN
               coalesce((SELECT x.nth FROM messages x
                         WHERE x.channel_id = c.id AND x.seq <= bound.at_most
                         ORDER BY x.seq DESC LIMIT 1), c.gone_nth)
           END AS at_most_nth
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS asked(channel_id, at_most, at_least)
    JOIN channels c ON c.id = asked.channel_id
    JOIN members mine ON mine.channel_id = c.id AND mine.user_id = $1
    CROSS JOIN LATERAL (
        SELECT least(asked.at_least, c.seq) AS at_least,
               CASE WHEN asked.at_most IS NOT NULL THEN
                   greatest(asked.at_most, mine.floor_seq, c.gone_seq)
               END
               AS at_most
    ) bound
) mark
WHERE m.channel_id = mark.id AND m.user_id = $1 AND m.left_at IS NULL
RETURNING m.channel_id, m.read_seq, m.read_nth, mark.nth,
          (SELECT count(*) FROM mentions n
           WHERE n.user_id = m.user_id AND n.channel_id = m.channel_id AND n.nth > m.read_nth)
          AS mentions,
          coalesce((SELECT a.show_reading FROM accounts a WHERE a.id = $1), true)
          AND (SELECT count(*) FROM (SELECT FROM members o
                                     WHERE o.channel_id = m.channel_id AND o.left_at IS NULL
                                     LIMIT $5::int + 1) others) <= $5 AS shown
