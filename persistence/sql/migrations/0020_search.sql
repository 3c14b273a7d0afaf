-- What messages are found by. A job fills it after their commits: nothing here is written with them.
-- Times are ms since 1970.

-- Up to which rev of a channel its messages are here. Its row is locked by who carries on.
CREATE TABLE search_progress (
    channel_id text COLLATE "C" PRIMARY KEY,
    rev        bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- `words` holds what a message says, and beside it lexemes that no text has: the ids of its channel
-- and author, has:file and has:link. So every filter but the dates is answered by one index.
CREATE TABLE search_messages (
    channel_id text COLLATE "C" NOT NULL,
    seq        bigint NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    edited_at  bigint NOT NULL, -- of the text that is here; 0: as it was sent
    words      tsvector NOT NULL,
    PRIMARY KEY (channel_id, seq)
);
-- Without a list of what is pending: the job does the work, not who searches.
CREATE INDEX search_messages_words ON search_messages USING gin (words) WITH (fastupdate = off);

-- Lower case without diacritics, by what every PostgreSQL has: `unaccent` is an extension.
CREATE FUNCTION search_folded(said text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(regexp_replace(normalize(said, NFD), '[\u0300-\u036f]', '', 'g'))
$$;

-- ASCII punctuation parts words, so that the parser takes nothing for an address or a number.
CREATE FUNCTION search_words(said text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT to_tsvector('simple',
        translate(search_folded(said), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)))
$$;
