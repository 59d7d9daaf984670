-- The books of budgets: what a grant is decided over, durable before it is told to anyone.
--
-- Grain: `budget_windows` one row for each budget and window; `leases` one for each of those and each
-- holder (node and epoch, one process of a gateway).
-- Unit: money is US dollars with 12 decimals, as many as are ever counted.
-- Clock: `window_start_us` is the start of the calendar window in the organisation's zone, as UTC
-- microseconds; every other time is the authority's own, never a gateway's.
-- Key: budget id and window start, then node and epoch.

CREATE TABLE budget_windows (
    budget          TEXT COLLATE "C" NOT NULL,
    window_start_us BIGINT NOT NULL,
    -- Spend of whoever held no lease, summed from the lake once; NULL until then.
    base            NUMERIC(39, 12),
    -- Sum of what reconciliation added to (or took from) the counted spend.
    corrections     NUMERIC(39, 12) NOT NULL,
    created_at_us   BIGINT NOT NULL,
    changed_at_us   BIGINT NOT NULL,
    PRIMARY KEY (budget, window_start_us)
);

CREATE INDEX budget_windows_by_start ON budget_windows (window_start_us);

CREATE TABLE leases (
    budget          TEXT COLLATE "C" NOT NULL,
    window_start_us BIGINT NOT NULL,
    node            TEXT COLLATE "C" NOT NULL,
    epoch           TEXT COLLATE "C" NOT NULL,
    -- Rises with every change of the lease.
    term            BIGINT NOT NULL,
    -- All amounts are cumulative over the life of the lease but `reserved`, which is the last report.
    granted         NUMERIC(39, 12) NOT NULL,
    settled         NUMERIC(39, 12) NOT NULL,
    -- Spend of the same holder that is part of the window's base or corrections.
    spent_before    NUMERIC(39, 12) NOT NULL,
    reserved        NUMERIC(39, 12) NOT NULL,
    overshoot       NUMERIC(39, 12) NOT NULL,
    -- The holder's next spool sequence when it made its last report.
    next_seq        BIGINT NOT NULL,
    expires_at_us   BIGINT NOT NULL,
    reported_at_us  BIGINT NOT NULL,
    -- `closed` is reconciled with the lake: granted equals settled, for ever.
    state           TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    PRIMARY KEY (budget, window_start_us, node, epoch),
    FOREIGN KEY (budget, window_start_us) REFERENCES budget_windows (budget, window_start_us)
);

CREATE INDEX leases_open ON leases (budget, window_start_us) WHERE state = 'open';
