-- Tokens that people make for their programs and their bots: for some purposes, until some day.
-- Only their SHA-256 is kept. Times are ms since 1970.

CREATE TABLE personal_tokens (
    id           text COLLATE "C" PRIMARY KEY,
    user_id      text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE, -- whom it speaks for
    made_by      text COLLATE "C" NOT NULL,
    name         text NOT NULL,
    digest       bytea NOT NULL UNIQUE,
    scopes       text[] NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint, -- null: until it is revoked
    last_used_at bigint,
    last_address text,
    revoked_at   bigint
);
CREATE INDEX personal_tokens_user ON personal_tokens (user_id, id);
CREATE INDEX personal_tokens_revoked ON personal_tokens (revoked_at) WHERE revoked_at IS NOT NULL;
