-- Whether {reader} may read file f: their own, or as long as it is not in the trash one that is shared
-- with them or with a channel they are in, or attached to a message they may read. OFFSET 0: first the
-- few messages that name it, never all of the channels they are in.
(f.owner_id = {reader}
 OR f.trashed_at IS NULL AND EXISTS (
     SELECT FROM file_shares s
     WHERE s.file_id = f.id
       AND (s.reader_id = {reader} OR EXISTS (
           SELECT FROM members m
           WHERE m.channel_id = s.reader_id AND m.user_id = {reader} AND m.left_at IS NULL)))
 OR f.trashed_at IS NULL AND EXISTS (
     SELECT
     FROM (SELECT channel_id, seq FROM messages
           WHERE files IS NOT NULL AND files @> jsonb_build_array(f.id) OFFSET 0) m
     JOIN members reader ON reader.channel_id = m.channel_id AND reader.user_id = {reader}
     WHERE reader.left_at IS NULL AND m.seq > reader.floor_seq))
