-- One batch of replies over several channels, in one statement that commits by itself. Like
-- revise_messages.sql it was worked out from rows that only the owner of the term changes.
--
-- $1..$6 channels, terms, revs before, and rev, seq and nth after; $7..$21 the replies; $22..$27
-- the messages they reply to, as they are then; $28..$30 which reply is for which user to hear of, and
-- by which kind of hint; $31 those of which followers hear.
WITH head AS (
    UPDATE channels c
    SET rev = asked.rev, seq = asked.seq, nth = asked.nth
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
         AS asked(channel_id, term, before, rev, seq, nth)
    WHERE c.id = asked.channel_id AND c.term = asked.term AND c.rev = asked.before
    RETURNING c.id
), reply AS (
    SELECT r.*
    FROM unnest($7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[],
                $13::text[], $14::bytea[], $15::text[], $16::bigint[], $17::text[], $18::text[],
                $19::text[], $20::bool[], $21::bigint[])
         AS r(channel_id, seq, nth, rev, id, author_id, key, digest, body, created_at, mentions,
              thread_id, files, in_channel, reply_number)
    JOIN head h ON h.id = r.channel_id
), stored AS (
    INSERT INTO messages (channel_id, seq, nth, rev, id, author_id, key, digest, body, created_at,
                          mentions, thread_id, files, in_channel, reply_number)
    SELECT channel_id, seq, nth, rev, id, author_id, key, digest, body, created_at,
           mentions::jsonb, thread_id, files::jsonb, in_channel, reply_number
    FROM reply
), root AS (
    UPDATE messages m
    SET rev = r.rev, replies = r.replies, last_reply_seq = r.last_seq, last_reply_at = r.last_at
    FROM unnest($22::text[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[],
                $27::bigint[]) AS r(channel_id, seq, rev, replies, last_seq, last_at)
    JOIN head h ON h.id = r.channel_id
    WHERE m.channel_id = r.channel_id AND m.seq = r.seq
    RETURNING m.id, m.author_id
), told AS (
    SELECT who.user_id, who.kind, n.channel_id, n.nth, n.seq, n.rev
    FROM unnest($28::text[], $29::text[], $30::text[]) AS who(message_id, user_id, kind)
    JOIN reply n ON n.id = who.message_id
    WHERE (SELECT m.left_at IS NULL FROM members m
           WHERE m.channel_id = n.channel_id AND m.user_id = who.user_id)
), counted AS (
    INSERT INTO mentions (user_id, channel_id, nth, seq)
    SELECT user_id, channel_id, nth, seq FROM told WHERE kind = 'mentioned'
), following AS (
    SELECT f.user_id, n.channel_id, n.seq, n.rev
    FROM reply n
    CROSS JOIN LATERAL (SELECT t.user_id FROM thread_followers t
                        WHERE t.root_id = n.thread_id AND t.following
                        UNION ALL
                        SELECT r.author_id FROM root r
                        WHERE r.id = n.thread_id
                          AND NOT EXISTS (SELECT FROM thread_followers t
                                          WHERE t.user_id = r.author_id AND t.root_id = r.id)) f
    WHERE n.id = ANY ($31::text[]) AND f.user_id <> n.author_id
      AND NOT EXISTS (SELECT FROM told
                      WHERE told.user_id = f.user_id AND told.channel_id = n.channel_id
                        AND told.seq = n.seq)
      AND (SELECT m.left_at IS NULL FROM members m
           WHERE m.channel_id = n.channel_id AND m.user_id = f.user_id)
), followed AS (
    INSERT INTO thread_followers AS f (user_id, root_id, following, read_number)
    SELECT author_id, id, true, max(number)
    FROM (SELECT author_id, thread_id AS id, reply_number AS number FROM reply
          UNION ALL
          SELECT author_id, id, 0 FROM root) AS those
    GROUP BY author_id, id
    ON CONFLICT (user_id, root_id) DO UPDATE
    SET read_number = greatest(f.read_number, excluded.read_number),
        following = f.following OR excluded.read_number > 0
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev, seq)
    SELECT user_id, kind, channel_id, rev, seq FROM told
    UNION ALL
    SELECT user_id, 'replied', channel_id, rev, seq FROM following
    RETURNING number, user_id, kind, channel_id, rev, seq
)
-- The channels that were changed; then the hints, each with the rev and seq of its message.
SELECT id, NULL::bigint AS rev, NULL::bigint AS seq, NULL::bigint AS number, NULL AS user_id,
       NULL AS kind
FROM head
UNION ALL
SELECT channel_id, rev, seq, number, user_id, kind FROM hinted
