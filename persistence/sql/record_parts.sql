-- Stored of upload $1 by a writer of term $2: parts of number $3, size $4, checksum $5, tag $6 and
-- object $7; tails from $8 on, of size $9, checksum $10 and object $11. The tails that started at
-- $12 are in the parts. No row: it is not receiving, or a newer writer has it.
WITH upload AS (
    SELECT id FROM uploads WHERE id = $1 AND term = $2 AND state = 'receiving' FOR SHARE
), part AS (
    INSERT INTO upload_parts (upload_id, number, size_bytes, crc32c, etag, object)
    SELECT upload.id, p.*
    FROM upload,
         unnest($3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::text[]) AS p
    ON CONFLICT (upload_id, number) DO UPDATE
    SET size_bytes = excluded.size_bytes, crc32c = excluded.crc32c, etag = excluded.etag,
        object = excluded.object
), tail AS (
    INSERT INTO upload_tails (upload_id, start, size_bytes, crc32c, object)
    SELECT upload.id, t.*
    FROM upload, unnest($8::bigint[], $9::bigint[], $10::bigint[], $11::text[]) AS t
    ON CONFLICT (upload_id, start) DO UPDATE
    SET size_bytes = excluded.size_bytes, crc32c = excluded.crc32c, object = excluded.object
), joined AS (
    DELETE FROM upload_tails t USING upload
    WHERE t.upload_id = upload.id AND t.start = ANY ($12::bigint[])
)
SELECT true FROM upload
