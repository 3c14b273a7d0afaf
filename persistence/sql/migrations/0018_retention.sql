-- Messages that a channel keeps no longer: those up to gone_seq, of which the last had gone_nth.
ALTER TABLE channels
    ADD COLUMN gone_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN gone_nth bigint NOT NULL DEFAULT 0;
CREATE INDEX channels_kept ON channels (id) WHERE (rules ->> 'keep_days')::int > 0;
-- What goes with a message is found by it.
CREATE INDEX thread_followers_root ON thread_followers (root_id);
CREATE INDEX saved_messages_message ON saved_messages (message_id);
