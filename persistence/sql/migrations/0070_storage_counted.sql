-- When it was last compared with the files and uploads there are.
ALTER TABLE storage ADD COLUMN counted_at bigint NOT NULL DEFAULT 0;
CREATE INDEX storage_to_count ON storage (counted_at);
CREATE INDEX files_of ON files (owner_id);
