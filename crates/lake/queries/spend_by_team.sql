-- What every team spent: what budgets start from after a restart.
-- grain: one row per organisation and team; NULL is usage without a team
-- units: cost USD (decimal, 1e-12), attempts
-- source: usage, every attempt
-- parameters: $from, $to (instants, end excluded), $first_day, $last_day (their UTC days)
SELECT
    organisation,
    team,
    SUM(cost_usd) AS cost_usd,
    COUNT(*) FILTER (WHERE cost_usd IS NULL AND usage_source <> 'none') AS unpriced
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
GROUP BY organisation, team
ORDER BY organisation, team
