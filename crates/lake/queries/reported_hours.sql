-- What providers say that calls cost, beside what they cost by the price book, by hour: what is watched.
-- grain: one row per provider, model and hour of UTC in which the provider named costs
-- units: cost USD (decimal, 1e-12), attempts, hours since 1970
-- source: usage, rows whose answer names a cost, and their corrections (which name zero); files without
--   such rows are left out by their statistics
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded), $first_day, $last_day
--   (their UTC days)
SELECT
    provider,
    COALESCE(model_resolved, model_asked) AS model,
    CAST(received_at AS BIGINT) / 3600000000 AS hour,
    COUNT(*) FILTER (WHERE adjustment IS NULL) AS requests,
    SUM(
        CASE
            WHEN adjustment = 'restatement' THEN -1
            WHEN adjustment = 'retraction' THEN 1
            WHEN cost_usd IS NULL THEN 1
            ELSE 0
        END
    ) AS unpriced,
    SUM(cost_reported_usd) AS reported_usd,
    SUM(cost_usd) AS computed_usd
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND (team = $team OR $team IS NULL)
  AND cost_reported_usd IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
