-- The outbox: messages that must reach someone outside, kept until they have or are given up.
--
-- Grain: one row for each message and channel.
-- Unit: `payload` is the JSON that is sent; `last_status` an HTTP status.
-- Clock: that of the process that enqueued (`created_at_us`) or sends (the other times).
-- Key: id; of one `dedupe_key` only the first message is ever kept.

CREATE TABLE deliveries (
    id            TEXT    NOT NULL PRIMARY KEY,
    -- The incident it tells of; NULL for a test message.
    incident      TEXT    REFERENCES incidents (id),
    -- Name of a channel in the configuration, never its address.
    channel       TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('slack', 'webhook')),
    payload       TEXT    NOT NULL,
    dedupe_key    TEXT    NOT NULL UNIQUE,
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'dead')),
    -- Claims since it was enqueued or replayed.
    attempts      INTEGER NOT NULL,
    -- From when on it may be claimed; a claim moves it to its own end. With `attempts` it tells claims apart.
    next_at_us    INTEGER NOT NULL,
    created_at_us INTEGER NOT NULL,
    sent_at_us    INTEGER,
    last_status   INTEGER,
    last_error    TEXT
) STRICT;

CREATE INDEX deliveries_due ON deliveries (next_at_us, id) WHERE state = 'pending';
CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 'dead';
CREATE INDEX deliveries_by_incident ON deliveries (incident);
CREATE INDEX deliveries_sent ON deliveries (sent_at_us) WHERE state = 'sent';
