-- Spend by quarter of an hour: what the days of any zone add up from.
-- grain: one row per quarter of an hour that has usage
-- units: cost USD (decimal, 1e-12), requests, attempts, instants UTC
-- source: usage_15m
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days)
SELECT
    bucket,
    SUM(cost_usd) AS cost_usd,
    SUM(requests) AS requests,
    SUM(unpriced) AS unpriced
FROM usage_15m
WHERE bucket_date BETWEEN $first_day AND $last_day
  AND bucket >= $from
  AND bucket < $to
  AND (team = $team OR $team IS NULL)
GROUP BY bucket
ORDER BY bucket
