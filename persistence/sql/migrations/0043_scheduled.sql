-- Messages that are written now and posted later. Times are ms since 1970.
CREATE TABLE scheduled (
    id         text COLLATE "C" PRIMARY KEY,
    number     bigint GENERATED ALWAYS AS IDENTITY, -- the order of creation
    user_id    text COLLATE "C" NOT NULL,
    channel_id text COLLATE "C" NOT NULL,
    thread_id  text COLLATE "C",
    body       text NOT NULL, -- '' once it was sent or cancelled
    silent     boolean NOT NULL,
    send_at    bigint NOT NULL,
    created_at bigint NOT NULL,
    state      text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'cancelled')),
    due_at     bigint NOT NULL, -- when to try next: send_at, the end of a lease, or of a pause
    message_id text COLLATE "C",
    code       text NOT NULL DEFAULT '',
    detail     text NOT NULL DEFAULT '',
    ended_at   bigint, -- sent or cancelled
    key        text COLLATE "C" NOT NULL,
    digest     bytea NOT NULL,
    UNIQUE (user_id, key)
);
CREATE INDEX scheduled_due ON scheduled (due_at) WHERE state IN ('pending', 'sending');
CREATE INDEX scheduled_order ON scheduled (user_id, channel_id, send_at, number)
    WHERE state IN ('pending', 'sending');
CREATE INDEX scheduled_listed ON scheduled (user_id, send_at, id)
    WHERE state IN ('pending', 'sending', 'failed');
CREATE INDEX scheduled_ended ON scheduled (ended_at) WHERE ended_at IS NOT NULL;
