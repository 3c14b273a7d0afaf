-- The audit log: who did what to whom. Rows are only ever added, and each holds the hash of the one
-- before it: whoever alters or removes a row must alter all that follow, and the last one's hash is
-- what an operator writes down elsewhere. Times are ms since 1970.

CREATE TABLE audit_log (
    number     bigint PRIMARY KEY,
    at         bigint NOT NULL,
    event      text COLLATE "C" NOT NULL,
    actor      text COLLATE "C", -- a user, a token's owner, or null where nobody is signed in
    target     text COLLATE "C",
    address    text,
    request_id text,
    detail     text NOT NULL DEFAULT '',
    hash       bytea NOT NULL
);
CREATE INDEX audit_log_actor ON audit_log (actor, number) WHERE actor IS NOT NULL;
CREATE INDEX audit_log_target ON audit_log (target, number) WHERE target IS NOT NULL;

CREATE TABLE audit_head (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint NOT NULL DEFAULT 0,
    hash   bytea NOT NULL DEFAULT '\x'
);
INSERT INTO audit_head DEFAULT VALUES;

-- A field as it is hashed: its length in bytes and a colon before it, so that no two rows give the
-- same bytes; `-` for null.
CREATE FUNCTION audit_field(value text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(octet_length(value) || ':' || value, '-')
$$;

-- Adds a row and returns its number. Call it last in a transaction: the head stays locked until the
-- commit, so that numbers appear in order and without a hole.
CREATE FUNCTION audit_append(
    at bigint, event text, actor text, target text, address text, request_id text, detail text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    head audit_head;
BEGIN
    SELECT * INTO head FROM audit_head FOR UPDATE;
    head.number := head.number + 1;
    head.hash := sha256(head.hash || convert_to(
        audit_field(head.number::text) || audit_field(at::text) || audit_field(event)
        || audit_field(actor) || audit_field(target) || audit_field(address)
        || audit_field(request_id) || audit_field(detail), 'UTF8'));
    UPDATE audit_head SET number = head.number, hash = head.hash;
    INSERT INTO audit_log VALUES
        (head.number, at, event, actor, target, address, request_id, detail, head.hash);
    RETURN head.number;
END
$$;

CREATE FUNCTION audit_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
