-- Messages that users keep on a list of their own. Times are ms since 1970.

CREATE TABLE saved_messages (
    user_id    text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    saved_at   bigint NOT NULL,
    PRIMARY KEY (user_id, message_id)
);
CREATE INDEX saved_messages_by ON saved_messages (user_id, saved_at, message_id);
