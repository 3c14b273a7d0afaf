-- What owners and moderators change. Null rules are the usual ones; times are ms since 1970.
ALTER TABLE channels ADD COLUMN rules jsonb;
ALTER TABLE members
    ADD COLUMN muted_until bigint,
    ADD COLUMN banned_at bigint;
CREATE INDEX members_banned ON members (channel_id, user_id) WHERE banned_at IS NOT NULL;
