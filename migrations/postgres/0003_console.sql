-- Who may look at the console: one-time login links and the sessions they open.

CREATE TABLE login_links (
    -- blake3 of the link's token; the token itself is never stored.
    hash          BYTEA  NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    role          TEXT   NOT NULL,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    used_at_us    BIGINT
);

CREATE INDEX login_links_by_expiry ON login_links (expires_at_us);

CREATE TABLE sessions (
    id              TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    -- blake3 of the cookie's token. The CSRF token is derived from that token, so nothing in this
    -- table lets a reader of the database act as the session.
    hash            BYTEA  NOT NULL UNIQUE CHECK (length(hash) = 32),
    role            TEXT   NOT NULL,
    created_at_us   BIGINT NOT NULL,
    expires_at_us   BIGINT NOT NULL,
    last_seen_at_us BIGINT NOT NULL
);

CREATE INDEX sessions_by_expiry ON sessions (expires_at_us);
