-- What providers say that calls cost, beside what they cost by the price book.
-- grain: one row per provider, model and UTC day on which the provider named costs
-- units: cost USD (decimal, 1e-12), attempts
-- source: usage, rows whose answer names a cost, and their corrections (which name zero)
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded), $first_day, $last_day
--   (their UTC days)
SELECT
    event_date AS day,
    provider,
    COALESCE(model_resolved, model_asked) AS model,
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
