-- Invitations: links that let people make an account. Only their SHA-256 is kept. Times are ms.

CREATE TABLE invitations (
    id         text COLLATE "C" PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE,
    created_by text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    email      text, -- for this address alone, if given
    max_uses   integer NOT NULL,
    uses       integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint
);
CREATE INDEX invitations_by ON invitations (created_by, id);
