-- Spend by day of UTC.
-- grain: one row per UTC day that has usage
-- units: cost USD (decimal, 1e-12), requests, attempts
-- source: usage_day
-- parameters: $team (NULL is everybody), $first_day, $last_day (UTC days)
SELECT
    day,
    SUM(cost_usd) AS cost_usd,
    SUM(requests) AS requests,
    SUM(unpriced) AS unpriced
FROM usage_day
WHERE day BETWEEN $first_day AND $last_day
  AND (team = $team OR $team IS NULL)
GROUP BY day
ORDER BY day
