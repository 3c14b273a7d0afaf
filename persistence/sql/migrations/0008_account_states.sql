-- What an account is and may do beyond its role, and the log-ins as their owner sees them.

ALTER TABLE users
    ADD COLUMN kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'bot')),
    ADD COLUMN owner_id text COLLATE "C" REFERENCES users ON DELETE CASCADE, -- of a bot
    ADD COLUMN status text NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'suspended', 'deactivated', 'deleted')),
    ADD COLUMN status_note text NOT NULL DEFAULT '',
    ADD COLUMN email_confirmed_at bigint,
    ADD COLUMN locale text NOT NULL DEFAULT 'en',
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC',
    ADD COLUMN show_presence boolean NOT NULL DEFAULT true,
    ADD COLUMN show_reading boolean NOT NULL DEFAULT true,
    ALTER COLUMN password_hash DROP NOT NULL, -- null: no password opens it
    DROP CONSTRAINT users_role_check,
    ADD CONSTRAINT users_role_check CHECK (role IN ('user', 'moderator', 'admin')),
    ADD CONSTRAINT users_bot_has_owner CHECK ((kind = 'bot') = (owner_id IS NOT NULL));
CREATE INDEX users_owner ON users (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX users_admins ON users (id) WHERE role = 'admin' AND status = 'active';

ALTER TABLE token_families
    ADD COLUMN client text NOT NULL DEFAULT '',
    ADD COLUMN last_used_at bigint,
    ADD COLUMN last_address text;

-- Accounts as the server knows them, without what opens them.
CREATE VIEW accounts AS
    SELECT id, handle, name, email, role, created_at, kind, owner_id, status, status_note,
        email_confirmed_at, locale, time_zone, show_presence, show_reading
    FROM users;
