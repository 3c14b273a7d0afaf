-- Up to which nth of a direct conversation its member has taken it off the list; NULL: it is on it.
ALTER TABLE members ADD COLUMN hidden_nth bigint;
