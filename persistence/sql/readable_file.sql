-- File $1 as user $2 may read it: their own, or one that is attached to a message they may read,
-- as long as it is not in the trash. OFFSET 0: first the few messages that name it, never all of
-- the channels the user is in.
SELECT {shown}
FROM files f
JOIN file_versions v ON v.id = f.version_id
WHERE f.id = $1
  AND (f.owner_id = $2
       OR f.trashed_at IS NULL AND EXISTS (
           SELECT
           FROM (SELECT channel_id, seq FROM messages
                 WHERE files IS NOT NULL AND files @> jsonb_build_array($1::text) OFFSET 0) m
           JOIN members reader ON reader.channel_id = m.channel_id AND reader.user_id = $2
           WHERE reader.left_at IS NULL AND m.seq > reader.floor_seq))
