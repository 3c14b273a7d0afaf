-- File $1 as user $2 may read it: their own, or as long as it is not in the trash one that is shared
-- with them or a channel they are in, or attached to a message they may read. OFFSET 0: first the few messages that name it, never all of
-- the channels the user is in.
SELECT {shown}
FROM files f
JOIN file_versions v ON v.id = f.version_id
WHERE f.id = $1
  AND (f.owner_id = $2
       OR f.trashed_at IS NULL AND EXISTS (
           SELECT FROM file_shares s
           WHERE s.file_id = $1
             AND (s.reader_id = $2 OR EXISTS (
                 SELECT FROM members m
                 WHERE m.channel_id = s.reader_id AND m.user_id = $2 AND m.left_at IS NULL)))
       OR f.trashed_at IS NULL AND EXISTS (
           SELECT
           FROM (SELECT channel_id, seq FROM messages
                 WHERE files IS NOT NULL AND files @> jsonb_build_array($1::text) OFFSET 0) m
           JOIN members reader ON reader.channel_id = m.channel_id AND reader.user_id = $2
           WHERE reader.left_at IS NULL AND m.seq > reader.floor_seq))
