-- Files, their versions, and the uploads they come from. Times are ms since 1970, sizes bytes.

-- What a user's files take, and what their uploads may still take.
CREATE TABLE storage (
    user_id        text COLLATE "C" PRIMARY KEY,
    used_bytes     bigint NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
    reserved_bytes bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0)
);

CREATE TABLE uploads (
    id             text COLLATE "C" PRIMARY KEY,
    owner_id       text COLLATE "C" NOT NULL,
    key            text COLLATE "C", -- what the client may open it by again
    digest         bytea,            -- of what it was opened with
    name           text NOT NULL,
    mime           text NOT NULL,
    size_bytes     bigint,           -- NULL: not known yet
    part_bytes     bigint NOT NULL,
    crc32c         bigint,           -- what the client says the whole has
    object         text COLLATE "C" NOT NULL,
    multipart      text,             -- S3's name of it. NULL: the object is put as one
    term           bigint NOT NULL DEFAULT 0,
    state          text NOT NULL DEFAULT 'receiving',
    reserved_bytes bigint NOT NULL CHECK (reserved_bytes >= 0),
    problem        text,             -- the code of why it failed
    file_id        text COLLATE "C",
    created_at     bigint NOT NULL,
    expires_at     bigint NOT NULL,
    UNIQUE (owner_id, key)
);
CREATE INDEX uploads_to_look_at ON uploads (expires_at, id) WHERE state IN ('receiving', 'sealing');
CREATE INDEX uploads_sealing ON uploads (id) WHERE state = 'sealing';
CREATE INDEX uploads_done ON uploads (expires_at, id) WHERE state NOT IN ('receiving', 'sealing');

-- The ledger: what is stored of an upload that is not ready, and nothing else is.
CREATE TABLE upload_parts (
    upload_id  text COLLATE "C" NOT NULL,
    number     int NOT NULL,
    size_bytes bigint NOT NULL,
    crc32c     bigint NOT NULL,
    etag       text NOT NULL,
    object     text COLLATE "C" NOT NULL, -- '': a part of the upload's multipart
    PRIMARY KEY (upload_id, number)
);
CREATE TABLE upload_tails (
    upload_id  text COLLATE "C" NOT NULL,
    start      bigint NOT NULL, -- in the whole
    size_bytes bigint NOT NULL,
    crc32c     bigint NOT NULL,
    object     text COLLATE "C" NOT NULL,
    PRIMARY KEY (upload_id, start)
);

CREATE TABLE files (
    id         text COLLATE "C" PRIMARY KEY,
    owner_id   text COLLATE "C" NOT NULL,
    name       text NOT NULL,
    version_id text COLLATE "C" NOT NULL, -- the one that is shown
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    trashed_at bigint
);
CREATE INDEX files_newest ON files (owner_id, id) WHERE trashed_at IS NULL;
CREATE INDEX files_trash ON files (owner_id, id) WHERE trashed_at IS NOT NULL;
CREATE INDEX files_to_empty ON files (trashed_at, id) WHERE trashed_at IS NOT NULL;

-- Immutable: an object's content never changes.
CREATE TABLE file_versions (
    id         text COLLATE "C" PRIMARY KEY,
    file_id    text COLLATE "C" NOT NULL,
    number     int NOT NULL,
    size_bytes bigint NOT NULL,
    mime       text NOT NULL,
    crc32c     bigint NOT NULL,
    object     text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    UNIQUE (file_id, number)
);
CREATE INDEX file_versions_objects ON file_versions (object);
