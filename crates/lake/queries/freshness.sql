-- How recent the table is.
-- grain: one row
-- units: instants UTC (received_at by the gateway's clock, ingested_at by the committer's)
-- source: usage, every row of the days asked for but corrections, which come long after
-- parameters: $first_day, $last_day (UTC days)
SELECT
    MAX(received_at) AS received_at,
    MAX(ingested_at) AS ingested_at
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND adjustment IS NULL
