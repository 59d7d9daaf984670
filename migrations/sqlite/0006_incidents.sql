-- Incidents: something worth a person's attention, from when it was first seen until it is over.
--
-- Grain: one row for each time a key's trouble went on without a break; at most one is open per key.
-- Unit: `figures` is JSON as the rule `kind` defines it, money in it as decimal strings.
-- Clock: that of the process that watches. Times are those of the sightings, not of the writes.
-- Key: id; `key` (rule, subject, window) is what makes two sightings the same incident.

CREATE TABLE incidents (
    id                 TEXT    NOT NULL PRIMARY KEY,
    key                TEXT    NOT NULL,
    kind               TEXT    NOT NULL,
    severity           TEXT    NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    state              TEXT    NOT NULL CHECK (state IN ('open', 'resolved')),
    -- As a scope is written: `team:search`.
    subject            TEXT    NOT NULL,
    -- The team whose readers may see it, a slug; NULL for the whole organisation's alone.
    team               TEXT,
    headline           TEXT    NOT NULL,
    figures            TEXT    NOT NULL,
    first_seen_us      INTEGER NOT NULL,
    last_seen_us       INTEGER NOT NULL,
    resolved_at_us     INTEGER,
    acknowledged_at_us INTEGER,
    acknowledged_by    TEXT,
    -- Until then nobody is told; the next incident of the key inherits it.
    expected_until_us  INTEGER,
    CHECK ((state = 'resolved') = (resolved_at_us IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX incidents_one_open_per_key ON incidents (key) WHERE state = 'open';
CREATE INDEX incidents_by_key ON incidents (key, id);
CREATE INDEX incidents_by_team ON incidents (team, id);
