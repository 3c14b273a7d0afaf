-- One batch of messages over several channels, in one statement that commits by itself.
--
-- $1..$11 one entry per draft, in order of arrival; $12, $13 the channels and the terms their
-- owner holds; $14..$16 which draft (from 1) is for which user to hear of, without the authors, and
-- by which kind of hint.
--
-- Only a channel whose term still holds is numbered: the UPDATE also waits for whoever has its
-- row, and then looks at the term again. Drafts whose key exists are left out before numbering;
-- the scalar sub-select keeps that an index probe (NOT EXISTS became a hash join over the table),
-- and so does the one for members, whose partial indexes would tempt into reading all of them.
-- Without "|| ''" a planner who has no statistics yet takes any index that begins with channel_id
-- and reads the whole channel for each draft (100 ms a batch in a new database's first minute).
-- A key twice in one batch breaks the unique index, and so the batch: the lane then splits it.
WITH draft AS (
    SELECT *
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                $7::bigint[], $8::text[], $9::text[], $10::text[], $11::bool[])
         WITH ORDINALITY
         AS d(channel_id, id, author_id, key, digest, body,
              created_at, mentions, thread_id, files, counts, ord)
), fresh AS (
    SELECT d.*
    FROM draft d
    WHERE (SELECT m.seq FROM messages m
           WHERE m.author_id = d.author_id AND m.key = d.key
             AND m.channel_id || '' = d.channel_id)
          IS NULL
), asked AS (
    SELECT channel_id, count(*) AS n, count(*) FILTER (WHERE counts) AS counted,
           array_agg(ord ORDER BY ord) AS ords
    FROM fresh
    GROUP BY channel_id
), head AS (
    UPDATE channels c
    SET rev = c.rev + a.n, seq = c.seq + a.n, nth = c.nth + a.counted
    FROM asked a
    JOIN unnest($12::text[], $13::bigint[]) AS mine(channel_id, term) USING (channel_id)
    WHERE c.id = a.channel_id AND c.term = mine.term
    RETURNING c.id, c.rev - a.n AS rev, c.seq - a.n AS seq, c.nth - a.counted AS nth, a.ords
), numbered AS (
    SELECT f.*,
           h.seq + row_number() OVER arrived AS seq,
           h.rev + row_number() OVER arrived AS rev,
           h.nth + count(*) FILTER (WHERE f.counts) OVER arrived AS nth
    FROM fresh f
    JOIN head h ON h.id = f.channel_id
    WINDOW arrived AS (PARTITION BY f.channel_id ORDER BY f.ord ROWS UNBOUNDED PRECEDING)
), stored AS (
    INSERT INTO messages (channel_id, seq, nth, rev, id, author_id, key, digest, body,
                          created_at, mentions, thread_id, files)
    SELECT channel_id, seq, nth, rev, id, author_id, key, digest, body,
           created_at, mentions::jsonb, thread_id, files::jsonb
    FROM numbered
), told AS (
    SELECT who.user_id, who.kind, n.channel_id, n.nth, n.seq, n.rev
    FROM unnest($14::int[], $15::text[], $16::text[]) AS who(ord, user_id, kind)
    JOIN numbered n USING (ord)
    WHERE (SELECT m.left_at IS NULL FROM members m
           WHERE m.channel_id = n.channel_id AND m.user_id = who.user_id)
), counted AS (
    INSERT INTO mentions (user_id, channel_id, nth, seq)
    SELECT user_id, channel_id, nth, seq FROM told WHERE kind = 'mentioned'
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev, seq)
    SELECT user_id, kind, channel_id, rev, seq FROM told
    RETURNING number, user_id, kind, channel_id, rev, seq
)
-- First the channels with their numbers before the batch and the drafts (from 1) that got the
-- numbers after it, one each, in this order; then the hints, each with its message's rev and seq.
SELECT id, rev, seq, nth, ords, NULL AS user_id, NULL AS kind FROM head
UNION ALL
SELECT channel_id, rev, seq, number, NULL, user_id, kind FROM hinted
