-- Who is in the cluster, and the log of what every host must learn within a second.

-- One row. `hosts` is the view of `version`, changed by compare-and-set on it.
CREATE TABLE cluster_view (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL DEFAULT 0,
    hosts   jsonb NOT NULL DEFAULT '[]',
    epoch   bigint NOT NULL DEFAULT 1 -- changes only when history was rewound
);
INSERT INTO cluster_view DEFAULT VALUES;

-- One row. A sequence would not do: its numbers commit out of order, and a reader who has seen 6
-- would never look for 5. This row is locked until the commit, so numbers appear in order.
CREATE TABLE cluster_log_head (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    newest bigint NOT NULL DEFAULT 0
);
INSERT INTO cluster_log_head DEFAULT VALUES;

CREATE TABLE cluster_log (
    number  bigint PRIMARY KEY,
    kind    text NOT NULL,
    subject text NOT NULL
);

-- Adds an entry and returns its number. Call it last in a transaction, or in the statement that
-- makes the change. Hosts that fell out of their lease start anew, so the newest 10,000 suffice.
CREATE FUNCTION cluster_log_append(kind text, subject text) RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    WITH head AS (
        UPDATE cluster_log_head SET newest = newest + 1 RETURNING newest
    ), expired AS (
        DELETE FROM cluster_log WHERE number = (SELECT newest - 10000 FROM head)
    )
    INSERT INTO cluster_log (number, kind, subject)
    SELECT head.newest, cluster_log_append.kind, cluster_log_append.subject FROM head
    RETURNING number
$$;
