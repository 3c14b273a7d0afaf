-- Version $3 of file $2 of user $1 goes for good, unless it is the one that is shown; its bytes are
-- the user's again. Its object. No row: there is no such version, or it is shown.
WITH file AS (
    SELECT id, owner_id FROM files WHERE id = $2 AND owner_id = $1 AND version_id <> $3
    FOR UPDATE -- nobody shows it meanwhile
), version AS (
    DELETE FROM file_versions v USING file WHERE v.id = $3 AND v.file_id = file.id
    RETURNING v.size_bytes, v.object
), freed AS (
    UPDATE storage s SET used_bytes = s.used_bytes - version.size_bytes
    FROM version, file WHERE s.user_id = file.owner_id
)
SELECT ARRAY[object] FROM version
