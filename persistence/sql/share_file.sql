-- File $1 of user $2 is for $3, too, a user or a channel they are in, since $4; at most $5 are.
-- Whether there is such a file, such a reader, a new share, and now a share at all.
WITH file AS (
    SELECT id FROM files WHERE id = $1 AND owner_id = $2 AND trashed_at IS NULL
    FOR UPDATE
), reader AS (
    SELECT FROM users WHERE id = $3 AND status = 'active'
    UNION ALL
    SELECT FROM members WHERE channel_id = $3 AND user_id = $2 AND left_at IS NULL
), made AS (
    INSERT INTO file_shares (file_id, reader_id, owner_id, shared_at)
    SELECT file.id, $3, $2, $4::bigint FROM file
    WHERE EXISTS (SELECT FROM reader)
      AND (SELECT count(*) FROM file_shares WHERE file_id = $1) < $5
    ON CONFLICT DO NOTHING
    RETURNING true
)
SELECT EXISTS (SELECT FROM file) AS file, EXISTS (SELECT FROM reader) AS reader,
       EXISTS (SELECT FROM made) AS made, EXISTS (SELECT FROM made) OR EXISTS (
           SELECT FROM file_shares WHERE file_id = $1 AND reader_id = $3) AS shared
