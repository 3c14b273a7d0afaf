-- Files that somebody marked, those that changed last, and words of their names.
CREATE TABLE favourite_files (
    user_id   text COLLATE "C" NOT NULL,
    file_id   text COLLATE "C" NOT NULL,
    marked_at bigint NOT NULL,
    PRIMARY KEY (user_id, file_id)
);
CREATE INDEX favourite_files_newest ON favourite_files (user_id, marked_at, file_id);
CREATE INDEX favourite_files_of ON favourite_files (file_id);
CREATE INDEX files_recent ON files (owner_id, updated_at, id) WHERE trashed_at IS NULL;

-- Indexes are made, and dumps restored, where only the system's own functions are found by name.
CREATE FUNCTION file_words(name text, owner text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT search_words(name) || array_to_tsvector(ARRAY[owner])
$$;
CREATE INDEX files_names ON files USING gin (file_words(name, owner_id));
