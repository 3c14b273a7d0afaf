-- What others share with user $1 or a channel they are in: below ($2, $3, $4), $5 at most, those first
-- that were shared last; of each reader only so many are looked at, in the index alone. Files that are
-- in the trash are null.
WITH mine AS (
    SELECT $1::text AS reader_id
    UNION ALL
    SELECT channel_id FROM members WHERE user_id = $1 AND left_at IS NULL
)
SELECT {shown}, s.file_id, s.reader_id, s.shared_at
FROM (
    SELECT one.*
    FROM mine
    CROSS JOIN LATERAL (
        SELECT file_id, reader_id, shared_at FROM file_shares s
        WHERE s.reader_id = mine.reader_id AND s.owner_id <> $1
          AND (s.shared_at, s.file_id, s.reader_id) < ($2::bigint, $3::text, $4::text)
        ORDER BY s.shared_at DESC, s.file_id DESC
        LIMIT $5
    ) one
    ORDER BY one.shared_at DESC, one.file_id DESC, one.reader_id DESC
    LIMIT $5
) s
LEFT JOIN files f ON f.id = s.file_id AND f.trashed_at IS NULL
LEFT JOIN file_versions v ON v.id = f.version_id
ORDER BY s.shared_at DESC, s.file_id DESC, s.reader_id DESC
