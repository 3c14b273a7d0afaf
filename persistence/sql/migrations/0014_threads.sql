-- Replies to messages, and who follows them.

ALTER TABLE messages
    ADD COLUMN in_channel     bool,   -- a reply that is shown in the channel, too
    ADD COLUMN reply_number   bigint, -- of a reply, from 1, in its thread
    ADD COLUMN replies        bigint, -- the last reply_number there is; null: none
    ADD COLUMN last_reply_seq bigint,
    ADD COLUMN last_reply_at  bigint;
CREATE INDEX messages_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;

-- Unread replies are those above read_number. Who replies follows, and so does the first author.
CREATE TABLE thread_followers (
    user_id     text COLLATE "C" NOT NULL,
    root_id     text COLLATE "C" NOT NULL,
    following   bool NOT NULL,
    read_number bigint NOT NULL,
    PRIMARY KEY (user_id, root_id)
);
