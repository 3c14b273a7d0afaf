-- Files of user $1 below $2, $3 at most, whose names have words that begin like each word of $4. The
-- index knows owners as words, too: OFFSET keeps a planner from reading all of the user's files.
SELECT {shown}
FROM (
    SELECT * FROM (
        SELECT * FROM files
        WHERE file_words(name, owner_id) @@ (
            SELECT ('''' || $1 || '''&' || string_agg('''' || word || ''':*', '&'))::tsquery
            FROM unnest(tsvector_to_array(search_words($4))) AS word)
        OFFSET 0
    ) named
    WHERE owner_id = $1 AND id < $2 AND trashed_at IS {which}
    ORDER BY id DESC
    LIMIT $3
) f
JOIN file_versions v ON v.id = f.version_id
ORDER BY f.id DESC
