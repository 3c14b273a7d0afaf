-- Which messages a file is attached to: only those that have files are in it.
CREATE INDEX messages_files ON messages USING gin (files jsonb_path_ops) WHERE files IS NOT NULL;
