-- How much of the usage is priced, metered by its provider, and attributed.
-- grain: one row
-- units: attempts
-- source: usage, attempts that used something
-- parameters: $from, $to (instants, end excluded), $first_day, $last_day (their UTC days)
SELECT
    COUNT(*) AS attempts,
    COUNT(cost_usd) AS priced,
    COUNT(*) FILTER (WHERE usage_source IN ('provider', 'drained')) AS metered,
    COUNT(team) AS with_team,
    COUNT(feature) AS with_feature,
    COUNT(customer) AS with_customer
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND usage_source <> 'none'
