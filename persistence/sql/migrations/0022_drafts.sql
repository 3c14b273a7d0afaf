-- What users are writing and have not sent. Times are ms since 1970.
CREATE TABLE drafts (
    user_id    text COLLATE "C" NOT NULL,
    channel_id text COLLATE "C" NOT NULL,
    thread_id  text COLLATE "C" NOT NULL, -- '': in the channel itself
    body       text NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (user_id, channel_id, thread_id)
);
CREATE INDEX drafts_newest ON drafts (user_id, updated_at, channel_id, thread_id);
