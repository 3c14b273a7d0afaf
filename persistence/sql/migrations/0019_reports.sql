-- Messages that somebody found wanting, as they were then. Times are ms since 1970.
CREATE TABLE reports (
    id           text COLLATE "C" PRIMARY KEY,
    message_id   text COLLATE "C" NOT NULL,
    channel_id   text COLLATE "C" NOT NULL,
    author_id    text COLLATE "C" NOT NULL,
    reporter_id  text COLLATE "C" NOT NULL,
    reason       text NOT NULL,
    note         text NOT NULL,
    body         text NOT NULL,
    created_at   bigint NOT NULL,
    closed_at    bigint, -- null: open
    closed_by    text COLLATE "C",
    outcome      text,
    closing_note text,
    UNIQUE (message_id, reporter_id)
);
CREATE INDEX reports_open ON reports (id) WHERE closed_at IS NULL;
CREATE INDEX reports_closed ON reports (id) WHERE closed_at IS NOT NULL;
CREATE INDEX reports_of ON reports (reporter_id) WHERE closed_at IS NULL;
