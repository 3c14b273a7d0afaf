-- Adds how much of a channel its member wants to be notified of, and until when (null: for good).
ALTER TABLE members ADD COLUMN notify text, ADD COLUMN notify_until bigint;
