-- What operators wish of the cluster, and the sign of life of the supervisor, which makes it so.

-- One row: all wishes are read at once, and each is changed by one statement.
CREATE TABLE cluster_wishes (
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    hosts_per_node integer CHECK (hosts_per_node BETWEEN 1 AND 256), -- null: as `up` was told
    drained        text[] NOT NULL DEFAULT '{}', -- nodes that carry no hosts
    leaving        text[] NOT NULL DEFAULT '{}', -- hosts that are replaced and end
    down           boolean NOT NULL DEFAULT false
);
INSERT INTO cluster_wishes DEFAULT VALUES;

-- One row, written about once a second.
CREATE TABLE cluster_supervisor (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    sign    jsonb,      -- null before the first
    seen_at timestamptz -- by this database's clock
) WITH (fillfactor = 50);
INSERT INTO cluster_supervisor DEFAULT VALUES;
