-- What may happen to a message that is there: edits, reactions, pins.

ALTER TABLE messages
    ADD COLUMN reactions jsonb, -- counts by kind and the first users, as readers see them; null: none
    ADD COLUMN pinned_at bigint,
    ADD COLUMN pinned_by text COLLATE "C";
CREATE INDEX messages_pinned ON messages (channel_id, pinned_at, id) WHERE pinned_at IS NOT NULL;

-- What a message said from written_at until it was edited; none of a deleted one.
CREATE TABLE editions (
    message_id text COLLATE "C" NOT NULL,
    number     bigint GENERATED ALWAYS AS IDENTITY,
    body       text NOT NULL,
    mentions   jsonb,
    written_at bigint NOT NULL,
    PRIMARY KEY (message_id, number)
);

-- Who gave what, at which rev of the channel: the first are shown in the message.
CREATE TABLE reactions (
    message_id text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    rev        bigint NOT NULL,
    PRIMARY KEY (message_id, kind, user_id)
);
CREATE INDEX reactions_first ON reactions (message_id, kind, rev, user_id);
