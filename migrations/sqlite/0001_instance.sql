-- What belongs to the installation as a whole: its own secrets, its revision counters, its audit log.
--
-- Rules for every migration, here and in the other engine's folder:
--   * Expand, then contract. A release only adds (tables, nullable columns, indexes); what it stops
--     using is dropped one release later, so that the release before still runs on the new schema.
--   * A file that has been released never changes, comments included: its checksum is recorded.
--   * All pending files run in one transaction, so `PRAGMA foreign_keys` has no effect in them:
--     a table that must be rebuilt sets `PRAGMA defer_foreign_keys = ON` first.
--   * Times are microseconds since 1970-01-01T00:00:00Z (`_us`); money is TEXT, plain decimal dollars;
--     hashes are 32 raw bytes; ids and slugs are TEXT as people see them.

-- Secrets this installation made for itself, such as the key that signs cookies.
CREATE TABLE meta (
    name          TEXT    NOT NULL PRIMARY KEY,
    secret        BLOB    NOT NULL CHECK (length(secret) = 32),
    created_at_us INTEGER NOT NULL
) STRICT;

-- Counters that rise with every write of a kind, so that a reader can ask "anything new?" cheaply.
CREATE TABLE revisions (
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;
-- `policy` counts writes to what a gateway's snapshot is compiled from.
INSERT INTO revisions (name, revision) VALUES ('policy', 0);

-- Who did what, when. Each entry's hash covers the hash before it, so an edit breaks the chain.
CREATE TABLE audit (
    seq           INTEGER NOT NULL PRIMARY KEY,
    at_us         INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    detail        TEXT    NOT NULL,
    previous_hash BLOB    NOT NULL CHECK (length(previous_hash) = 32),
    hash          BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The end of the chain, kept apart so that entries cut from its tail are missed.
CREATE TABLE audit_head (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    seq      INTEGER NOT NULL,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO audit_head (only_row, seq, hash) VALUES (1, 0, zeroblob(32));

CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- REPLACE deletes without firing delete triggers, so an entry must also extend the chain.
CREATE TRIGGER audit_refuses_anything_but_the_next BEFORE INSERT ON audit
WHEN NOT EXISTS (
    SELECT 1 FROM audit_head WHERE seq = NEW.seq - 1 AND hash = NEW.previous_hash
)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_head_follows AFTER INSERT ON audit
BEGIN
    UPDATE audit_head SET seq = NEW.seq, hash = NEW.hash;
END;
