-- Mails that wait for a mail server. What they say, and to whom, is sealed: codes and links open
-- accounts. Times are ms since 1970.

CREATE TABLE mails (
    id          text COLLATE "C" PRIMARY KEY,
    kind        text NOT NULL,
    sealed      bytea NOT NULL,
    queued_at   bigint NOT NULL,
    next_try_at bigint, -- null: given up, kept for a week to be looked at
    tries       integer NOT NULL DEFAULT 0,
    problem     text NOT NULL DEFAULT ''
);
CREATE INDEX mails_due ON mails (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX mails_queued ON mails (queued_at);
