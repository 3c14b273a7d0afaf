-- Upload $1 takes $2 bytes in all of its owner's quota of $3; with $4, that is now its length. No
-- row: there is not so much, it is not receiving, or its length was known already.
WITH upload AS (
    SELECT id, owner_id, reserved_bytes FROM uploads
    WHERE id = $1 AND state = 'receiving' AND size_bytes IS NULL
    FOR UPDATE
), taken AS (
    UPDATE storage s SET reserved_bytes = s.reserved_bytes - u.reserved_bytes + $2::bigint
    FROM upload u
    WHERE s.user_id = u.owner_id
      AND s.used_bytes + s.reserved_bytes - u.reserved_bytes + $2::bigint
          <= greatest($3::bigint, s.used_bytes + s.reserved_bytes)
    RETURNING s.user_id
)
UPDATE uploads SET reserved_bytes = $2::bigint, size_bytes = $4::bigint
FROM taken WHERE id = $1
RETURNING true
