-- What the values of one dimension spent, by hour: what baselines are made of.
-- grain: one row per value and hour of UTC that has usage; NULL is usage without one
-- units: cost USD (decimal, 1e-12), requests, tokens, instants UTC
-- source: usage_15m; a request is counted by its final row, money and tokens by every attempt
-- parameters: $dimension (a name below), $team (NULL is everybody), $from, $to (instants, end excluded, quarters
--   of an hour), $first_day, $last_day (their UTC days)
SELECT
    CASE
        WHEN $dimension = 'team' THEN team
        WHEN $dimension = 'project' THEN project
        WHEN $dimension = 'feature' THEN feature
        WHEN $dimension = 'key' THEN key_id
        WHEN $dimension = 'model' THEN model
        WHEN $dimension = 'provider' THEN provider
        WHEN $dimension = 'route' THEN route
    END AS name,
    CAST(bucket AS BIGINT) / 3600000000 AS hour,
    SUM(cost_usd) AS cost_usd,
    SUM(requests) AS requests,
    SUM(input_tokens) + SUM(output_tokens) AS tokens,
    SUM(unpriced) AS unpriced
FROM usage_15m
WHERE bucket_date BETWEEN $first_day AND $last_day
  AND bucket >= $from
  AND bucket < $to
  AND (team = $team OR $team IS NULL)
GROUP BY 1, 2
ORDER BY name, hour
