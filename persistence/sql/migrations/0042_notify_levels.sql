-- Adds how much of a channel a user wants to be notified of, and until when (ms; null: for good).
-- A table of its own: rows of members are written with every read marker.
CREATE TABLE notify_levels (
    user_id    text COLLATE "C" NOT NULL,
    channel_id text COLLATE "C" NOT NULL,
    level      text NOT NULL,
    until      bigint,
    PRIMARY KEY (user_id, channel_id)
);
