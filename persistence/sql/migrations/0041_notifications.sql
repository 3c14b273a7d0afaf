-- Adds what users are notified of, and to hints which message they are about and who caused them.
--
-- `place` is what there is one notification of: the seq of a message, 0 for all of a direct
-- conversation, and less than 0 the rev at which the user was added. `seq` is that of the message.
CREATE TABLE notifications (
    user_id    text COLLATE "C" NOT NULL,
    channel_id text COLLATE "C" NOT NULL,
    place      bigint NOT NULL,
    id         text COLLATE "C" NOT NULL UNIQUE,
    kind       text NOT NULL,
    seq        bigint,
    by_id      text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    read_at    bigint,
    PRIMARY KEY (user_id, channel_id, place)
);
CREATE INDEX notifications_newest ON notifications (user_id, created_at, id);
CREATE INDEX notifications_unread ON notifications (user_id, channel_id) WHERE read_at IS NULL;
CREATE INDEX notifications_message ON notifications (channel_id, seq);
CREATE INDEX notifications_read ON notifications (read_at) WHERE read_at IS NOT NULL;

ALTER TABLE outbox ADD COLUMN seq bigint, ADD COLUMN by_id text COLLATE "C";
