-- What the values of one dimension spent in a short window, to the microsecond: for burn rates.
-- grain: one row per value; NULL is usage without one
-- units: cost USD (decimal, 1e-12), requests, tokens, attempts
-- source: usage; a request is counted by its final row, money and tokens by every attempt
-- parameters: $dimension (a name below), $team (NULL is everybody), $from, $to (instants, end
--   excluded), $first_day, $last_day (their UTC days)
SELECT
    CASE
        WHEN $dimension = 'team' THEN team
        WHEN $dimension = 'project' THEN project
        WHEN $dimension = 'feature' THEN feature
        WHEN $dimension = 'customer' THEN customer
        WHEN $dimension = 'user' THEN user_id
        WHEN $dimension = 'key' THEN key_id
        WHEN $dimension = 'model' THEN COALESCE(model_resolved, model_asked)
        WHEN $dimension = 'provider' THEN provider
        WHEN $dimension = 'route' THEN route
    END AS name,
    SUM(cost_usd) AS cost_usd,
    COUNT(*) FILTER (WHERE is_final AND revision = 0) AS requests,
    SUM(input_tokens_total) + SUM(output_tokens_total) AS tokens,
    SUM(
        CASE
            WHEN usage_source = 'none' THEN 0
            WHEN adjustment = 'restatement' THEN -1
            WHEN adjustment = 'retraction' THEN 1
            WHEN cost_usd IS NULL THEN 1
            ELSE 0
        END
    ) AS unpriced
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND (team = $team OR $team IS NULL)
GROUP BY 1
ORDER BY cost_usd DESC NULLS LAST, name
