-- Upload $1, which is sealing, becomes version $3 of the new file $2: object $4, checksum $5, $6
-- bytes, at $7. What it had of its owner's quota is used now. No row: it is not sealing.
WITH upload AS (
    SELECT id, owner_id, name, mime, reserved_bytes FROM uploads
    WHERE id = $1 AND state = 'sealing'
    FOR UPDATE
), done AS (
    UPDATE uploads SET state = 'ready', file_id = $2, reserved_bytes = 0, size_bytes = $6::bigint
    FROM upload WHERE uploads.id = upload.id
), used AS (
    UPDATE storage s
    SET used_bytes = s.used_bytes + $6::bigint,
        reserved_bytes = s.reserved_bytes - upload.reserved_bytes
    FROM upload WHERE s.user_id = upload.owner_id
), parts AS (
    DELETE FROM upload_parts p USING upload WHERE p.upload_id = upload.id
), tails AS (
    DELETE FROM upload_tails t USING upload WHERE t.upload_id = upload.id
), file AS (
    INSERT INTO files (id, owner_id, name, version_id, created_at, updated_at)
    SELECT $2, owner_id, name, $3, $7::bigint, $7::bigint FROM upload
), version AS (
    INSERT INTO file_versions (id, file_id, number, size_bytes, mime, crc32c, object, created_at)
    SELECT $3, $2, 1, $6::bigint, mime, $5::bigint, $4, $7::bigint FROM upload
)
SELECT true FROM upload
