-- The books of budgets: what a grant is decided over, durable before it is told to anyone.
--
-- Grain: `budget_windows` one row for each budget and window; `leases` one for each of those and each
-- holder (node and epoch, one process of a gateway).
-- Unit: money is TEXT, plain decimal US dollars with at most 12 decimals.
-- Clock: `window_start_us` is the start of the calendar window in the organisation's zone, as UTC
-- microseconds; every other time is the authority's own, never a gateway's.
-- Key: budget id and window start, then node and epoch.

CREATE TABLE budget_windows (
    budget          TEXT    NOT NULL,
    window_start_us INTEGER NOT NULL,
    -- Spend of whoever held no lease, summed from the lake once; NULL until then.
    base            TEXT,
    -- Sum of what reconciliation added to (or took from) the counted spend.
    corrections     TEXT    NOT NULL,
    created_at_us   INTEGER NOT NULL,
    changed_at_us   INTEGER NOT NULL,
    PRIMARY KEY (budget, window_start_us)
) STRICT;

CREATE INDEX budget_windows_by_start ON budget_windows (window_start_us);

CREATE TABLE leases (
    budget          TEXT    NOT NULL,
    window_start_us INTEGER NOT NULL,
    node            TEXT    NOT NULL,
    epoch           TEXT    NOT NULL,
    -- Rises with every change of the lease.
    term            INTEGER NOT NULL,
    -- All amounts are cumulative over the life of the lease but `reserved`, which is the last report.
    granted         TEXT    NOT NULL,
    settled         TEXT    NOT NULL,
    -- Spend of the same holder that is part of the window's base or corrections.
    spent_before    TEXT    NOT NULL,
    reserved        TEXT    NOT NULL,
    overshoot       TEXT    NOT NULL,
    -- The holder's next spool sequence when it made its last report.
    next_seq        INTEGER NOT NULL,
    expires_at_us   INTEGER NOT NULL,
    reported_at_us  INTEGER NOT NULL,
    -- `closed` is reconciled with the lake: granted equals settled, for ever.
    state           TEXT    NOT NULL CHECK (state IN ('open', 'closed')),
    PRIMARY KEY (budget, window_start_us, node, epoch),
    FOREIGN KEY (budget, window_start_us) REFERENCES budget_windows (budget, window_start_us)
) STRICT;

CREATE INDEX leases_open ON leases (budget, window_start_us) WHERE state = 'open';
