-- Keeps what user $1 is told of: $2..$7 ids, kinds, channels, places, seqs, and who caused it; at $8.
-- What is there already stays, but the one of a direct conversation is brought forward to a newer
-- message. Only what the user may see and wants to hear of is kept; what was read already, as read.
INSERT INTO notifications AS n (user_id, channel_id, place, id, kind, seq, by_id, created_at, read_at)
SELECT $1, t.channel_id, t.place, t.id, t.kind, t.seq, coalesce(x.author_id, t.by_id), $8::bigint,
       CASE WHEN t.seq <= m.read_seq THEN $8::bigint END
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[])
     AS t(id, kind, channel_id, place, seq, by_id)
JOIN members m ON m.channel_id = t.channel_id AND m.user_id = $1 AND m.left_at IS NULL
LEFT JOIN notify_levels l ON l.user_id = $1 AND l.channel_id = t.channel_id
LEFT JOIN messages x ON x.channel_id = t.channel_id AND x.seq = t.seq
WHERE t.kind = 'added'
   OR (x.seq > m.floor_seq AND x.deleted_at IS NULL
       AND (l.level IS DISTINCT FROM 'none' OR l.until <= $8)
       AND (t.kind <> 'mention'
            OR EXISTS (SELECT FROM mentions c
                       WHERE c.user_id = $1 AND c.channel_id = t.channel_id
                         AND c.nth = x.nth AND c.seq = x.seq)))
ON CONFLICT (user_id, channel_id, place) DO UPDATE
SET seq = excluded.seq, by_id = excluded.by_id, created_at = excluded.created_at,
    read_at = excluded.read_at
WHERE n.place = 0 AND n.seq < excluded.seq
RETURNING n.id
