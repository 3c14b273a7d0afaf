-- Upload $1, which is in state $2, ends in state $3 because of $4, and gives its part of the quota
-- back; it may be forgotten at $5. No row: it is not in that state.
WITH upload AS (
    SELECT id, owner_id, reserved_bytes FROM uploads WHERE id = $1 AND state = $2 FOR UPDATE
), done AS (
    UPDATE uploads SET state = $3, problem = $4, reserved_bytes = 0,
        expires_at = $5::bigint
    FROM upload WHERE uploads.id = upload.id
), freed AS (
    UPDATE storage s SET reserved_bytes = s.reserved_bytes - upload.reserved_bytes
    FROM upload WHERE s.user_id = upload.owner_id
)
SELECT true FROM upload
