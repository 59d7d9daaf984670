-- What every model was used for.
-- grain: one row per provider and model
-- units: cost USD (decimal, 1e-12), requests, attempts
-- source: usage_day for the whole UTC days of the window, usage_15m for its edges
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days), $whole_from, $whole_to (UTC days read from usage_day),
--   $has_days, $has_edges (whether there is anything to read of each)
WITH parts AS (
    SELECT team, provider, model, cost_usd, calls, unpriced
    FROM usage_day
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT team, provider, model, cost_usd, calls, unpriced
    FROM usage_15m
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
)
SELECT
    provider,
    model,
    SUM(calls) AS calls,
    SUM(cost_usd) AS cost_usd,
    SUM(unpriced) AS unpriced
FROM parts
WHERE team = $team OR $team IS NULL
GROUP BY provider, model
HAVING SUM(calls) > 0
ORDER BY cost_usd DESC NULLS LAST, calls DESC, provider, model
