-- Direct conversations: the people of one are what it is known by, in the order of their ids, so there
-- is one per set of people. Null for channels.
ALTER TABLE channels ADD COLUMN users text[] COLLATE "C";
CREATE UNIQUE INDEX channels_users ON channels (users) WHERE users IS NOT NULL;
