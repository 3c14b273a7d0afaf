-- Channels, their messages and members. Ids are compared bytewise, times are milliseconds since
-- 1970 UTC. Nothing here has a foreign key: every row is written by the statement that holds the
-- channel's row, and a check per message would cost a probe and a lock.

-- The durable head of a channel: term fences owners, view is that of the last, rev counts changes, seq messages, nth those
-- that count as unread. Every batch updates it: no index has those columns and pages keep room,
-- so the update stays on its page (HOT).
CREATE TABLE channels (
    id            text COLLATE "C" PRIMARY KEY,
    kind          text NOT NULL,
    visibility    text NOT NULL,
    created_by    text COLLATE "C" NOT NULL,
    created_at    bigint NOT NULL,
    name          text,
    topic         text,
    archived_at   bigint,
    info_rev      bigint NOT NULL, -- the rev of the properties' last change
    term          bigint NOT NULL DEFAULT 0,
    view          bigint NOT NULL DEFAULT 0,
    rev           bigint NOT NULL,
    seq           bigint NOT NULL DEFAULT 0,
    nth           bigint NOT NULL DEFAULT 0,
    create_key    text COLLATE "C" NOT NULL,
    create_digest bytea NOT NULL,
    UNIQUE (created_by, create_key)
) WITH (fillfactor = 50);
CREATE INDEX channels_public ON channels (id) WHERE visibility = 'public';

CREATE TABLE messages (
    channel_id text COLLATE "C" NOT NULL,
    seq        bigint NOT NULL,
    nth        bigint NOT NULL,
    rev        bigint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    author_id  text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    digest     bytea NOT NULL,
    body       text NOT NULL,
    created_at bigint NOT NULL,
    mentions   jsonb, -- null: none, like files
    thread_id  text COLLATE "C",
    files      jsonb,
    edited_at  bigint,
    deleted_at bigint,
    PRIMARY KEY (channel_id, seq),
    UNIQUE (id),
    UNIQUE (author_id, key, channel_id) -- in this order: see append_messages.sql
);
CREATE INDEX messages_rev ON messages (channel_id, rev);

-- Who left stays as a tombstone. Read markers are the columns that change most: no index has them.
CREATE TABLE members (
    channel_id text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    role       text NOT NULL,
    joined_at  bigint NOT NULL,
    left_at    bigint,
    rev        bigint NOT NULL,
    floor_seq  bigint NOT NULL, -- history up to here is not for this member
    read_seq   bigint NOT NULL,
    read_nth   bigint NOT NULL,
    PRIMARY KEY (channel_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX members_rev ON members (channel_id, rev);
CREATE INDEX members_present ON members (user_id, channel_id) WHERE left_at IS NULL;
CREATE INDEX members_joined ON members (channel_id, joined_at, user_id) WHERE left_at IS NULL;

-- One row per mentioned member; unread mentions are those above the member's read_nth.
CREATE TABLE mentions (
    user_id    text COLLATE "C" NOT NULL,
    channel_id text COLLATE "C" NOT NULL,
    nth        bigint NOT NULL,
    seq        bigint NOT NULL,
    PRIMARY KEY (user_id, channel_id, nth, seq)
);

-- Hints to inboxes, written with the change (rev) that caused them, kept until they were taken.
CREATE TABLE outbox (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    text COLLATE "C" NOT NULL,
    kind       text NOT NULL,
    channel_id text COLLATE "C" NOT NULL,
    rev        bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
