-- What belongs to the installation as a whole: its own secrets, its revision counters, its audit log.
--
-- Rules for every migration, here and in the other engine's folder:
--   * A file of one number does the same for every engine.
--   * Expand, then contract. A release only adds (tables, nullable columns, indexes); what it stops
--     using is dropped one release later, so that the release before still runs on the new schema.
--   * A file that has been released never changes, comments included: its checksum is recorded.
--   * All pending files run in one transaction, with other processes kept out by an advisory lock.
--   * Times are microseconds since 1970-01-01T00:00:00Z (`_us`); money is NUMERIC(39, 12) US dollars;
--     hashes are 32 raw bytes; ids and slugs are text as people see them, compared byte by byte
--     (COLLATE "C") whatever the language of the server.

-- Secrets this installation made for itself, such as the key that signs cookies.
CREATE TABLE meta (
    name          TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    secret        BYTEA  NOT NULL CHECK (length(secret) = 32),
    created_at_us BIGINT NOT NULL
);

-- Counters that rise with every write of a kind, so that a reader can ask "anything new?" cheaply.
CREATE TABLE revisions (
    name     TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
-- `policy` counts writes to what a gateway's snapshot is compiled from.
INSERT INTO revisions (name, revision) VALUES ('policy', 0);

-- The row lock this takes keeps writers of the policy one after the other, until each commits.
CREATE FUNCTION raise_policy_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE revisions SET revision = revision + 1 WHERE name = 'policy';
    RETURN NULL;
END
$$;

-- Who did what, when. Each entry's hash covers the hash before it, so an edit breaks the chain.
CREATE TABLE audit (
    seq           BIGINT NOT NULL PRIMARY KEY,
    at_us         BIGINT NOT NULL,
    actor         TEXT   NOT NULL,
    action        TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    detail        TEXT   NOT NULL,
    previous_hash BYTEA  NOT NULL CHECK (length(previous_hash) = 32),
    hash          BYTEA  NOT NULL CHECK (length(hash) = 32)
);

-- The end of the chain, kept apart so that entries cut from its tail are missed. Whoever appends holds
-- a lock on its row, so that entries follow one another.
CREATE TABLE audit_head (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    seq      BIGINT  NOT NULL,
    hash     BYTEA   NOT NULL CHECK (length(hash) = 32)
);
INSERT INTO audit_head (only_row, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_refuses_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE FUNCTION extend_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE audit_head SET seq = NEW.seq, hash = NEW.hash
    WHERE seq = NEW.seq - 1 AND hash = NEW.previous_hash;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the audit log is append-only';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_refuses_anything_but_the_next BEFORE INSERT ON audit
    FOR EACH ROW EXECUTE FUNCTION extend_audit();
