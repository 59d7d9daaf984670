-- The values of one dimension that cost most.
-- grain: one row per value; NULL is usage without one
-- units: cost USD (decimal, 1e-12), tokens, requests, attempts
-- source: usage_day for the whole UTC days of the window, usage_15m for its
--   edges; a request is counted by its final row, money and tokens by every attempt
-- parameters: $dimension (a name below), $limit (rows), $team (NULL is everybody),
--   $from, $to (instants, end excluded, quarters of an hour), $first_day, $last_day (their UTC
--   days), $whole_from, $whole_to (UTC days read from usage_day), $has_days, $has_edges (whether
--   there is anything to read of each)
WITH parts AS (
    SELECT team, project, feature, key_id, model, provider, route, cost_usd, requests, input_tokens, output_tokens, unpriced
    FROM usage_day
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT team, project, feature, key_id, model, provider, route, cost_usd, requests, input_tokens, output_tokens, unpriced
    FROM usage_15m
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
),
named AS (
    SELECT
        *,
        CASE
            WHEN $dimension = 'team' THEN team
            WHEN $dimension = 'project' THEN project
            WHEN $dimension = 'feature' THEN feature
            WHEN $dimension = 'key' THEN key_id
            WHEN $dimension = 'model' THEN model
            WHEN $dimension = 'provider' THEN provider
            WHEN $dimension = 'route' THEN route
        END AS name
    FROM parts
)
SELECT
    name,
    SUM(cost_usd) AS cost_usd,
    SUM(requests) AS requests,
    SUM(input_tokens) AS input_tokens,
    SUM(output_tokens) AS output_tokens,
    SUM(unpriced) AS unpriced
FROM named
WHERE team = $team OR $team IS NULL
GROUP BY name
ORDER BY cost_usd DESC NULLS LAST, requests DESC, name
LIMIT $limit
