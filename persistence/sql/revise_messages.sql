-- What a batch of revisions came to, in one statement that commits by itself. It was worked out
-- from rows that only the owner of the channel's term changes, so it holds if the term and the rev
-- still do: a channel of which they do not is left out whole.
--
-- $1..$4 channels, terms, revs before and after; $5..$16 the messages as they are to be, of which
-- $17 says which are deleted and lose their editions and reactions; $18..$21 what was said before;
-- $22..$24 reactions given; $25..$27 taken back; $28..$31 who is mentioned no more;
-- $32..$35 who is mentioned now. Who was notified of a message that is deleted must hear of it, too.
WITH head AS (
    UPDATE channels c
    SET rev = asked.after
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
         AS asked(channel_id, term, before, after)
    WHERE c.id = asked.channel_id AND c.term = asked.term AND c.rev = asked.before
    RETURNING c.id
), revised AS (
    SELECT r.*
    FROM unnest($5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::text[],
                $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::bigint[], $16::text[],
                $17::bool[])
         AS r(channel_id, seq, id, rev, body, mentions, files, edited_at, deleted_at, reactions,
              pinned_at, pinned_by, gone)
    JOIN head h ON h.id = r.channel_id
), written AS (
    UPDATE messages m
    SET rev = r.rev, body = r.body, mentions = r.mentions::jsonb, files = r.files::jsonb,
        edited_at = r.edited_at, deleted_at = r.deleted_at, reactions = r.reactions::jsonb,
        pinned_at = r.pinned_at, pinned_by = r.pinned_by
    FROM revised r
    WHERE m.channel_id = r.channel_id AND m.seq = r.seq
), said AS (
    INSERT INTO editions (message_id, body, mentions, written_at)
    SELECT e.message_id, e.body, e.mentions::jsonb, e.written_at
    FROM unnest($18::text[], $19::text[], $20::text[], $21::bigint[])
         WITH ORDINALITY AS e(message_id, body, mentions, written_at, ord)
    JOIN revised r ON r.id = e.message_id
    ORDER BY e.ord
), forgotten AS (
    DELETE FROM editions e USING revised r WHERE r.gone AND e.message_id = r.id
), given AS (
    INSERT INTO reactions (message_id, kind, user_id, rev)
    SELECT g.message_id, g.kind, g.user_id, r.rev
    FROM unnest($22::text[], $23::text[], $24::text[]) AS g(message_id, kind, user_id)
    JOIN revised r ON r.id = g.message_id
), taken AS (
    DELETE FROM reactions x
    USING unnest($25::text[], $26::text[], $27::text[]) AS t(message_id, kind, user_id),
          revised r
    WHERE r.id = t.message_id
      AND x.message_id = t.message_id AND x.kind = t.kind AND x.user_id = t.user_id
), emptied AS (
    DELETE FROM reactions x USING revised r WHERE r.gone AND x.message_id = r.id
), unmentioned AS (
    DELETE FROM mentions n
    USING unnest($28::text[], $29::text[], $30::bigint[], $31::bigint[])
          AS u(user_id, channel_id, nth, seq),
          revised r
    WHERE r.channel_id = u.channel_id AND r.seq = u.seq
      AND n.user_id = u.user_id AND n.channel_id = u.channel_id
      AND n.nth = u.nth AND n.seq = u.seq
    RETURNING n.user_id, n.channel_id, n.seq, r.rev
), mentioned AS (
    INSERT INTO mentions (user_id, channel_id, nth, seq)
    SELECT u.user_id, u.channel_id, u.nth, u.seq
    FROM unnest($32::text[], $33::text[], $34::bigint[], $35::bigint[])
         AS u(user_id, channel_id, nth, seq)
    JOIN revised r ON r.channel_id = u.channel_id AND r.seq = u.seq
    WHERE (SELECT m.left_at IS NULL AND m.floor_seq < u.seq FROM members m
           WHERE m.channel_id = u.channel_id AND m.user_id = u.user_id)
    ON CONFLICT DO NOTHING
    RETURNING user_id, channel_id, seq
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev, seq)
    SELECT user_id, 'unmentioned', channel_id, rev, seq FROM unmentioned
    UNION
    SELECT n.user_id, 'unmentioned', n.channel_id, r.rev, n.seq
    FROM revised r
    JOIN notifications n ON n.channel_id = r.channel_id AND n.seq = r.seq
    WHERE r.gone
    UNION ALL
    SELECT n.user_id, 'mentioned', n.channel_id, r.rev, n.seq
    FROM mentioned n
    JOIN revised r ON r.channel_id = n.channel_id AND r.seq = n.seq
    RETURNING number, user_id, kind, channel_id, rev, seq
)
-- The channels that were changed; then the hints, each with the rev and seq of its message.
SELECT id, NULL::bigint AS rev, NULL::bigint AS seq, NULL::bigint AS number, NULL AS user_id,
       NULL AS kind
FROM head
UNION ALL
SELECT channel_id, rev, seq, number, user_id, kind FROM hinted
