-- Who else may read a file: a user, the members of a channel; and by which links anybody may.
CREATE TABLE file_shares (
    file_id   text COLLATE "C" NOT NULL,
    reader_id text COLLATE "C" NOT NULL, -- a user or a channel
    owner_id  text COLLATE "C" NOT NULL, -- of the file
    shared_at bigint NOT NULL,
    PRIMARY KEY (file_id, reader_id)
);
CREATE INDEX file_shares_newest ON file_shares (reader_id, shared_at, file_id) INCLUDE (owner_id);

CREATE TABLE file_links (
    id            text COLLATE "C" PRIMARY KEY,
    file_id       text COLLATE "C" NOT NULL,
    digest        bytea NOT NULL UNIQUE, -- of what the link is called
    password_hash text,
    created_at    bigint NOT NULL,
    expires_at    bigint,
    max_downloads int,
    downloads     int NOT NULL DEFAULT 0,
    downloaded_at bigint,
    views         int NOT NULL DEFAULT 0
);
CREATE INDEX file_links_of ON file_links (file_id, id);
