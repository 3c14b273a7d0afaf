-- File $2 of user $1, which is in the trash, goes for good; its bytes are the user's again. The
-- objects of its versions. No row: there is no such file there.
WITH file AS (
    DELETE FROM files WHERE id = $2 AND owner_id = $1 AND trashed_at IS NOT NULL
    RETURNING id, owner_id
), version AS (
    DELETE FROM file_versions v USING file WHERE v.file_id = file.id
    RETURNING v.size_bytes, v.object
), share AS (
    DELETE FROM file_shares s USING file WHERE s.file_id = file.id
), favourite AS (
    DELETE FROM favourite_files x USING file WHERE x.file_id = file.id
), link AS (
    DELETE FROM file_links l USING file WHERE l.file_id = file.id
), freed AS (
    UPDATE storage s SET used_bytes = s.used_bytes - (SELECT sum(size_bytes) FROM version)
    FROM file WHERE s.user_id = file.owner_id
)
SELECT (SELECT array_agg(object) FROM version) FROM file
