-- Accounts, and the log-ins (families of refresh tokens) they live by. Times are ms since 1970.

CREATE TABLE users (
    id            text COLLATE "C" PRIMARY KEY,
    handle        text COLLATE "C" NOT NULL UNIQUE CHECK (handle = lower(handle)),
    name          text NOT NULL,
    email         text COLLATE "C", -- as typed; null where none is known
    password_hash text NOT NULL,
    role          text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    created_at    bigint NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

-- One row per log-in, however often its token was exchanged. Tokens themselves are not here: only
-- the SHA-256 of the present one and of the one before.
CREATE TABLE token_families (
    id         text COLLATE "C" PRIMARY KEY,
    user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    selector   bytea NOT NULL UNIQUE,
    current    bytea NOT NULL,
    previous   bytea,
    address    text NOT NULL, -- the network it was opened from
    opened_at  bigint NOT NULL,
    rotated_at bigint,
    expires_at bigint NOT NULL,
    revoked_at bigint
) WITH (fillfactor = 80); -- rotating changes no indexed column: room to do it in place
CREATE INDEX token_families_user ON token_families (user_id, address);
CREATE INDEX token_families_revoked ON token_families (revoked_at) WHERE revoked_at IS NOT NULL;
