-- The properties of channel $1, if $2 is its term, at $3: name $4, topic $5 ('': none), archived $6,
-- the rules $7 (jsonb). Null leaves one as it is. One rev if anything changes.
-- Only the owner of the term changes them, so what is read beside the update is what is there.
UPDATE channels c
SET name = asked.name, topic = asked.topic, archived_at = asked.archived_at, rules = asked.rules,
    rev = c.rev + asked.changes::int,
    info_rev = CASE WHEN asked.changes THEN c.rev + 1 ELSE c.info_rev END
FROM (
    SELECT id, wanted.*, (wanted.name, wanted.topic, wanted.archived_at, wanted.rules)
           IS DISTINCT FROM (was.name, was.topic, was.archived_at, coalesce(was.rules, '{}'))
           AS changes
    FROM channels was
    CROSS JOIN LATERAL (
        SELECT coalesce($4, was.name) AS name,
               nullif(coalesce($5, was.topic), '') AS topic,
               CASE WHEN $6::bool IS NULL THEN was.archived_at
                    WHEN $6 THEN coalesce(was.archived_at, $3::bigint)
               END AS archived_at,
               coalesce(was.rules, '{}') || $7::jsonb AS rules
    ) wanted
    WHERE was.id = $1
) asked
WHERE c.id = asked.id AND c.term = $2
RETURNING asked.changes, c.term, c.rev, c.seq, c.nth,
