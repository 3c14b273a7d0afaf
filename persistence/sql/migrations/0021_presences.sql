-- What users say of themselves. Times are ms since 1970; a status that is over stays until it is
-- replaced, and is not read.

CREATE TABLE presences (
    user_id      text COLLATE "C" PRIMARY KEY,
    dnd          boolean NOT NULL,
    status_text  text NOT NULL DEFAULT '',
    status_emoji text,
    status_until bigint
);
