-- What reader $2 of channel $1 lacks after rev $3: at most $4 revs, all from one snapshot, in one
-- row; messages and members are JSON of the domain's own fields. `upto` is where the page ends,
-- always between two revs. No row: not a member.
WITH mine AS (
    SELECT c.*, m.floor_seq
    FROM channels c
    JOIN members m ON m.channel_id = c.id AND m.user_id = $2 AND m.left_at IS NULL
    WHERE c.id = $1
), page AS (
    SELECT count(*) AS revs, max(rev) AS last
    FROM (
        (SELECT m.rev FROM messages m
         WHERE m.channel_id = $1 AND m.rev > $3 AND m.seq > (SELECT floor_seq FROM mine)
         ORDER BY m.rev LIMIT $4)
        UNION -- members who joined together share a rev
        (SELECT DISTINCT m.rev FROM members m
         WHERE m.channel_id = $1 AND m.rev > $3
         ORDER BY m.rev LIMIT $4)
        ORDER BY rev LIMIT $4
    ) AS revs
), ends AS (
    SELECT CASE WHEN page.revs < $4 THEN mine.rev ELSE page.last END AS upto
    FROM mine CROSS JOIN page
)
SELECT c.rev AS head, ends.upto,
    (SELECT json_agg(json_build_object(
         'id', m.id, 'channel', m.channel_id, 'seq', m.seq, 'nth', m.nth, 'rev', m.rev,
         'author', m.author_id, 'text', m.body, 'created_at', m.created_at,
         'mentions', coalesce(m.mentions, '[]'), 'thread', m.thread_id,
         'files', coalesce(m.files, '[]'), 'edited_at', m.edited_at, 'deleted_at', m.deleted_at,
         'reactions', coalesce(m.reactions, '[]'), 'pinned_at', m.pinned_at,
         'pinned_by', m.pinned_by, 'in_channel', coalesce(m.in_channel, false),
         'replies', coalesce(m.replies, 0), 'last_reply_seq', m.last_reply_seq,
         'last_reply_at', m.last_reply_at, 'system', m.system)
         ORDER BY m.rev)
     FROM messages m
     WHERE m.channel_id = $1 AND m.rev > $3 AND m.rev <= ends.upto AND m.seq > c.floor_seq
    ) AS messages,
    (SELECT json_agg(json_build_object(
         'user', m.user_id, 'role', m.role, 'joined_at', m.joined_at, 'rev', m.rev,
         'left_at', m.left_at, 'floor_seq', m.floor_seq, 'muted_until', m.muted_until,
         'banned_at', m.banned_at)
         ORDER BY m.rev, m.user_id)
     FROM members m
     WHERE m.channel_id = $1 AND m.rev > $3 AND m.rev <= ends.upto
    ) AS members,
    c.id, c.kind, c.visibility, c.created_by, c.created_at, c.name, c.topic, c.archived_at,
    c.info_rev, c.users, c.rules, c.gone_seq
FROM mine c CROSS JOIN ends
