-- What every team spent.
-- grain: one row per organisation and team; NULL is usage without a team
-- units: cost USD (decimal, 1e-12), attempts
-- source: usage_day for the whole UTC days of the window, usage_15m for its edges; every attempt
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days), $whole_from, $whole_to (UTC days read from usage_day),
--   $has_days, $has_edges (whether there is anything to read of each)
WITH parts AS (
    SELECT organisation, team, cost_usd, unpriced
    FROM usage_day
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT organisation, team, cost_usd, unpriced
    FROM usage_15m
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
)
SELECT
    organisation,
    team,
    SUM(cost_usd) AS cost_usd,
    SUM(unpriced) AS unpriced
FROM parts
WHERE team = $team OR $team IS NULL
GROUP BY organisation, team
ORDER BY organisation, team
