-- Spend by day.
-- grain: one row per UTC day that has usage
-- units: cost USD (decimal, 1e-12), requests, attempts
-- source: usage; a request is counted by its final row, money by every attempt
-- parameters: $from, $to (instants, end excluded), $first_day, $last_day (their UTC days)
SELECT
    event_date AS day,
    SUM(cost_usd) AS cost_usd,
    COUNT(*) FILTER (WHERE is_final AND revision = 0) AS requests,
    COUNT(*) FILTER (WHERE cost_usd IS NULL AND usage_source <> 'none') AS unpriced
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
GROUP BY event_date
ORDER BY event_date
