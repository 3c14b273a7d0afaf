-- What a message says that the server wrote: who came and who went. Such a message has no text.
ALTER TABLE messages ADD COLUMN system jsonb;
