-- Which identities of OpenID Connect providers open which account. Times are ms since 1970.

CREATE TABLE identities (
    issuer    text COLLATE "C" NOT NULL,
    subject   text COLLATE "C" NOT NULL,
    user_id   text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    linked_at bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_user ON identities (user_id);
