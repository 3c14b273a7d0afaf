-- Takes the oldest messages out of channel $1, if $2 is its term: of the first $4 those before the
-- first that is not older than $3, with all that belongs to them. What is gone is not unread: of
-- members who had not read it the markers are moved, and they must hear.
-- No row: the term is not the channel's.
WITH oldest AS (
    SELECT m.seq, m.nth, m.created_at
    FROM messages m
    WHERE m.channel_id = $1
    ORDER BY m.seq
    LIMIT $4
), going AS (
    SELECT count(*) AS n, max(seq) AS seq, max(nth) AS nth
    FROM oldest
    WHERE seq < coalesce((SELECT min(seq) FROM oldest WHERE created_at >= $3), 9007199254740991)
), head AS (
    UPDATE channels c
    SET rev = c.rev + least(g.n, 1),
        info_rev = CASE WHEN g.n > 0 THEN c.rev + 1 ELSE c.info_rev END,
        gone_seq = coalesce(g.seq, c.gone_seq), gone_nth = coalesce(g.nth, c.gone_nth)
    FROM going g
    WHERE c.id = $1 AND c.term = $2
    RETURNING c.*, g.n
), gone AS (
    DELETE FROM messages m
    USING head h
    WHERE m.channel_id = $1 AND m.seq <= h.gone_seq
    RETURNING m.id
), unsaid AS (
    DELETE FROM editions e USING gone g WHERE e.message_id = g.id
), untaken AS (
    DELETE FROM reactions r USING gone g WHERE r.message_id = g.id
), unfollowed AS (
    DELETE FROM thread_followers f USING gone g WHERE f.root_id = g.id
), unsaved AS (
    DELETE FROM saved_messages s USING gone g WHERE s.message_id = g.id
), unmentioned AS (
    DELETE FROM mentions n
    USING members m, head h
    WHERE h.n > 0 AND m.channel_id = $1 AND n.user_id = m.user_id AND n.channel_id = $1
      AND n.nth <= h.gone_nth AND n.seq <= h.gone_seq
), moved AS (
    UPDATE members m
    SET read_seq = h.gone_seq, read_nth = greatest(m.read_nth, h.gone_nth)
    FROM head h
    WHERE h.n > 0 AND m.channel_id = $1 AND m.left_at IS NULL AND m.read_seq < h.gone_seq
    RETURNING m.user_id
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev)
    SELECT m.user_id, 'unmentioned', $1, h.rev FROM moved m CROSS JOIN head h
    RETURNING number, user_id
)
SELECT o.number, o.user_id, c.term, c.rev, c.seq, c.nth,
