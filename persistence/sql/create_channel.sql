-- A channel at rev 1 with its creator as owner, of which the creator's other sessions must hear.
-- No row: the creator has used this key before.
WITH made AS (
    INSERT INTO channels (id, kind, visibility, created_by, created_at, name, topic, archived_at,
                          info_rev, rev, create_key, create_digest, rules)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 1, $9, $10, $11)
    ON CONFLICT (created_by, create_key) DO NOTHING
    RETURNING id, created_by, created_at
), owner AS (
    INSERT INTO members (channel_id, user_id, role, joined_at, rev, floor_seq, read_seq, read_nth)
    SELECT id, created_by, 'owner', created_at, 1, 0, 0, 0 FROM made
), hinted AS (
    INSERT INTO outbox (user_id, kind, channel_id, rev)
    SELECT created_by, 'channel_added', id, 1 FROM made
)
SELECT id FROM made
