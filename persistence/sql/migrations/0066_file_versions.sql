-- An upload may be for a file that is there: it becomes a further version of it.
ALTER TABLE uploads ADD COLUMN into_id text COLLATE "C";
ALTER TABLE files ADD COLUMN last_number int NOT NULL DEFAULT 1; -- of its versions
