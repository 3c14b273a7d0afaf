-- The index gets lexemes of when a message was posted: hosts fill it anew, see docs/search.md.
TRUNCATE search_messages, search_progress;
