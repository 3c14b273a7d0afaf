-- The first replies to commands that carried a key, kept for a day.

CREATE TABLE kept_replies (
    user_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    reply bytea NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
CREATE INDEX kept_replies_by_age ON kept_replies (kept_at);
