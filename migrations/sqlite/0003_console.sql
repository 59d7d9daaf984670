-- Who may look at the console: one-time login links and the sessions they open.

CREATE TABLE login_links (
    -- blake3 of the link's token; the token itself is never stored.
    hash          BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    role          TEXT    NOT NULL,
    created_at_us INTEGER NOT NULL,
    expires_at_us INTEGER NOT NULL,
    used_at_us    INTEGER
) STRICT;

CREATE INDEX login_links_by_expiry ON login_links (expires_at_us);

CREATE TABLE sessions (
    id              TEXT    NOT NULL PRIMARY KEY,
    -- blake3 of the cookie's token. The CSRF token is derived from that token, so nothing in this
    -- table lets a reader of the file act as the session.
    hash            BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    role            TEXT    NOT NULL,
    created_at_us   INTEGER NOT NULL,
    expires_at_us   INTEGER NOT NULL,
    last_seen_at_us INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_expiry ON sessions (expires_at_us);
