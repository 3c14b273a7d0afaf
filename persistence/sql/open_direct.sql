-- A direct conversation at rev 1 with all of its people ($5) as members, of which each must hear.
-- No row: these people have one.
WITH made AS (
    INSERT INTO channels (id, kind, visibility, created_by, created_at, users,
                          info_rev, rev, create_key, create_digest)
    VALUES ($1, $2, 'private', $3, $4, $5, 1, 1, $1, '')
    ON CONFLICT (users) WHERE users IS NOT NULL DO NOTHING
    RETURNING id, created_at, users
), people AS (
    INSERT INTO members (channel_id, user_id, role, joined_at, rev, floor_seq, read_seq, read_nth)
    SELECT id, unnest(users), 'member', created_at, 1, 0, 0, 0 FROM made
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev)
    SELECT unnest(users), 'channel_added', id, 1 FROM made
)
SELECT id FROM made
