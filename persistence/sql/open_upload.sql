-- Upload $1 of user $2, opened with key $3 and digest $4: its name $5, type $6, size $7 (NULL: not
-- known), size of a part $8, checksum $9, object $10, multipart $11. It takes $12 bytes of the quota
-- of $15; opened at $13, until $14, for the file $16 (NULL: a new one)
-- or into the folder $17 (NULL: at the top). No row: there is not so much
-- left.
WITH reserved AS (
    INSERT INTO storage AS s (user_id, reserved_bytes)
    SELECT $2, $12::bigint WHERE $12::bigint <= $15::bigint
    ON CONFLICT (user_id) DO UPDATE
    SET reserved_bytes = s.reserved_bytes + excluded.reserved_bytes
    WHERE s.used_bytes + s.reserved_bytes + excluded.reserved_bytes <= $15::bigint
    RETURNING user_id
)
INSERT INTO uploads (id, owner_id, key, digest, name, mime, size_bytes, part_bytes, crc32c, object,
                     multipart, reserved_bytes, created_at, expires_at, into_id,
                     folder_id)
SELECT $1, user_id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::bigint, $13, $14, $16, $17 FROM reserved
RETURNING true
