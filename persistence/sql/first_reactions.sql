-- Of the messages $1 and kinds $2, the first $3 who gave them, and of those asked about by $4
-- (messages), $5 (kinds), $6 (users) the ones who did: each with the rev, or null for the latter.
SELECT asked.message_id, asked.kind, given.user_id, given.rev
FROM unnest($1::text[], $2::text[], $3::int[]) AS asked(message_id, kind, wanted)
CROSS JOIN LATERAL (
    SELECT r.user_id, r.rev FROM reactions r
    WHERE r.message_id = asked.message_id AND r.kind = asked.kind
    ORDER BY r.rev, r.user_id
    LIMIT asked.wanted
) AS given
UNION ALL
SELECT r.message_id, r.kind, r.user_id, NULL
FROM unnest($4::text[], $5::text[], $6::text[]) AS asked(message_id, kind, user_id)
JOIN reactions r USING (message_id, kind, user_id)
