-- How recent the table is.
-- grain: one row
-- units: instants UTC (received_at by the gateway's clock, ingested_at by the committer's)
-- source: usage, every row of the window but corrections, which come long after
-- parameters: $from (instant), $first_day, $last_day (UTC days of the window)
SELECT
    MAX(received_at) AS received_at,
    MAX(ingested_at) AS ingested_at
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND adjustment IS NULL
