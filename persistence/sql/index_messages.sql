-- Takes in what at most $3 changes did to messages of each of the channels $1, which are here up to
-- the revs $2 and whose progress this transaction has locked. A span of revs and not a number of
-- messages: no plan may sort all that a great channel has to find the first of them.
-- t1 and t8 are the week and the eight weeks it was posted in, and those after: see search.py.
-- The rows to delete are sought one by one, so that no plan reads the whole table.
WITH asked AS (
    SELECT c.id, c.rev AS head, c.gone_seq, p.rev AS seen, least(c.rev, p.rev + $3) AS upto
    FROM unnest($1::text[], $2::bigint[]) AS p(channel_id, rev)
    CROSS JOIN LATERAL (
        SELECT * FROM channels WHERE id = p.channel_id AND rev > p.rev OFFSET 0
    ) c
), changed AS (
    SELECT m.*
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT * FROM messages
        WHERE channel_id = a.id AND rev > a.seen AND rev <= a.upto OFFSET 0
    ) m
), written AS (
    INSERT INTO search_messages AS s
        (channel_id, seq, message_id, created_at, edited_at, words)
    SELECT channel_id, seq, id, created_at, coalesce(edited_at, 0),
           search_words(body) || array_to_tsvector(
               ARRAY[channel_id, author_id,
                     't1:' || created_at / 604800000, 't1:' || created_at / 604800000 + 1,
                     't8:' || created_at / 4838400000, 't8:' || created_at / 4838400000 + 1]
               || CASE WHEN files IS NULL THEN '{}' ELSE '{has:file}'::text[] END
               || CASE WHEN body ~* 'https?://\S' THEN '{has:link}'::text[] ELSE '{}' END)
    FROM changed
    WHERE deleted_at IS NULL AND system IS NULL
    ON CONFLICT (channel_id, seq) DO UPDATE
    SET edited_at = excluded.edited_at, words = excluded.words
    WHERE s.edited_at <> excluded.edited_at OR s.words <> excluded.words
), removed AS (
    DELETE FROM search_messages
    WHERE ctid = ANY (ARRAY(
        SELECT s.ctid
        FROM changed c
        CROSS JOIN LATERAL (
            SELECT ctid FROM search_messages WHERE channel_id = c.channel_id AND seq = c.seq LIMIT 1
        ) s
        WHERE c.deleted_at IS NOT NULL
        UNION ALL
        SELECT s.ctid
        FROM asked a
        CROSS JOIN LATERAL (
            SELECT ctid FROM search_messages WHERE channel_id = a.id AND seq <= a.gone_seq OFFSET 0
        ) s
    ))
), carried AS (
    INSERT INTO search_progress (channel_id, rev)
    SELECT id, upto FROM asked
    ON CONFLICT (channel_id) DO UPDATE SET rev = excluded.rev
)
-- What was done: the channels that are not at their ends, and how many messages were read.
SELECT array(SELECT id FROM asked WHERE upto < head) AS more,
       (SELECT count(*) FROM changed) AS messages
