-- Whom the messages $2, $3 (nth, seq) of channels $1 mention, one entry per message.
SELECT asked.ord, n.user_id
FROM unnest($1::text[], $2::bigint[], $3::bigint[])
     WITH ORDINALITY AS asked(channel_id, nth, seq, ord)
JOIN members m ON m.channel_id = asked.channel_id
JOIN mentions n ON n.user_id = m.user_id AND n.channel_id = asked.channel_id
               AND n.nth = asked.nth AND n.seq = asked.seq
