-- Raises the read markers of user $1 in channels $2 to seqs $3: never lower, never above the head.
-- The nth that goes with a seq is that of its message.
UPDATE members m
SET read_seq = greatest(m.read_seq, mark.seq), read_nth = greatest(m.read_nth, mark.read_nth)
FROM (
    SELECT c.id, c.nth, least(asked.seq, c.seq) AS seq,
           coalesce((SELECT x.nth FROM messages x
                     WHERE x.channel_id = c.id AND x.seq <= least(asked.seq, c.seq)
                     ORDER BY x.seq DESC LIMIT 1), 0) AS read_nth
    FROM unnest($2::text[], $3::bigint[]) AS asked(channel_id, seq)
    JOIN channels c ON c.id = asked.channel_id
) mark
WHERE m.channel_id = mark.id AND m.user_id = $1 AND m.left_at IS NULL
RETURNING m.channel_id, m.read_seq, m.read_nth, mark.nth,
          (SELECT count(*) FROM mentions n
           WHERE n.user_id = m.user_id AND n.channel_id = m.channel_id AND n.nth > m.read_nth)
          AS mentions
