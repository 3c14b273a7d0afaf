-- Second factors: a secret that an authenticator app shares (RFC 6238), sealed, and recovery codes,
-- of which only HMACs are kept. Times are ms since 1970.

CREATE TABLE second_factors (
    user_id      text COLLATE "C" PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    sealed       bytea NOT NULL,
    begun_at     bigint NOT NULL,
    confirmed_at bigint, -- null: not asked for yet
    last_step    bigint NOT NULL DEFAULT 0 -- of the newest code that was used: none works twice
);

CREATE TABLE recovery_codes (
    user_id text COLLATE "C" NOT NULL REFERENCES second_factors ON DELETE CASCADE,
    digest  bytea NOT NULL,
    PRIMARY KEY (user_id, digest)
);
