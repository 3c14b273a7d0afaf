-- Upload $1, which is sealing, becomes version $3: of the file it is for, if its owner still has
-- that, else of the new file $2. Object $4, checksum $5, $6 bytes, at $7; the file keeps its $8
-- newest versions. What the upload had of its owner's quota is used now. The file as it is then,
-- what its owner uses, and the objects of the versions that went. No row: it is not sealing.
WITH upload AS (
    SELECT id, owner_id, name, mime, reserved_bytes, into_id, folder_id FROM uploads
    WHERE id = $1 AND state = 'sealing'
    FOR UPDATE
), target AS ( -- whoever comes second waits here, and takes the next number
    UPDATE files f SET version_id = $3, updated_at = $7::bigint, last_number = last_number + 1
    FROM upload WHERE f.id = upload.into_id AND f.owner_id = upload.owner_id
    RETURNING f.id, f.last_number, f.name, f.created_at, f.folder_id, f.trashed_at
), folder AS ( -- the top, if it is gone; who puts it into the trash waits, and takes this along
    SELECT d.id FROM folders d JOIN upload ON d.id = upload.folder_id
    WHERE d.owner_id = upload.owner_id AND d.trashed_at IS NULL
    FOR SHARE OF d
), done AS (
    UPDATE uploads
    SET state = 'ready', file_id = coalesce((SELECT id FROM target), $2), reserved_bytes = 0,
        size_bytes = $6::bigint
    FROM upload WHERE uploads.id = upload.id
), old AS (
    DELETE FROM file_versions
    WHERE id IN (
        SELECT v.id FROM file_versions v JOIN target ON target.id = v.file_id
        ORDER BY v.number DESC OFFSET $8::int - 1)
    RETURNING size_bytes, object
), used AS (
    UPDATE storage s
    SET used_bytes = s.used_bytes + $6::bigint
                     - (SELECT coalesce(sum(size_bytes), 0) FROM old)::bigint,
        reserved_bytes = s.reserved_bytes - upload.reserved_bytes
    FROM upload WHERE s.user_id = upload.owner_id
    RETURNING s.used_bytes, s.reserved_bytes
), parts AS (
    DELETE FROM upload_parts p USING upload WHERE p.upload_id = upload.id
), tails AS (
    DELETE FROM upload_tails t USING upload WHERE t.upload_id = upload.id
), file AS (
    INSERT INTO files (id, owner_id, name, version_id, created_at, updated_at, folder_id)
    SELECT $2, owner_id, name, $3, $7::bigint, $7::bigint, (SELECT id FROM folder) FROM upload
    WHERE NOT EXISTS (SELECT FROM target)
), version AS (
    INSERT INTO file_versions (id, file_id, number, size_bytes, mime, crc32c, object, created_at)
    SELECT $3, coalesce(target.id, $2), coalesce(target.last_number, 1), $6::bigint, mime,
           $5::bigint, $4, $7::bigint
    FROM upload LEFT JOIN target ON true
)
SELECT coalesce(target.id, $2) AS id, upload.owner_id, coalesce(target.name, upload.name) AS name,
       upload.mime, $6::bigint AS size_bytes, $3 AS version_id, $5::bigint AS crc32c, $4 AS object,
       $7::bigint AS stored_at, coalesce(target.created_at, $7::bigint) AS created_at,
       $7::bigint AS updated_at, target.trashed_at,
       coalesce(target.folder_id, (SELECT id FROM folder)) AS folder_id,
       coalesce(used.used_bytes, 0) AS used_bytes, coalesce(used.reserved_bytes, 0) AS reserved_bytes,
       coalesce((SELECT array_agg(object) FROM old), '{}') AS gone
FROM upload LEFT JOIN used ON true LEFT JOIN target ON true
