-- The values of one dimension that cost most.
-- grain: one row per value; NULL is usage without one
-- units: cost USD (decimal, 1e-12), tokens, requests, attempts
-- source: usage; a request is counted by its final row, money and tokens by every attempt
-- parameters: $dimension (a name below), $limit (rows), $from, $to (instants, end excluded),
--   $first_day, $last_day (their UTC days)
WITH named AS (
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
        cost_usd,
        input_tokens_total,
        output_tokens_total,
        is_final AND revision = 0 AS is_request,
        cost_usd IS NULL AND usage_source <> 'none' AS is_unpriced
    FROM usage
    WHERE event_date BETWEEN $first_day AND $last_day
      AND received_at >= $from
      AND received_at < $to
)
SELECT
    name,
    SUM(cost_usd) AS cost_usd,
    COUNT(*) FILTER (WHERE is_request) AS requests,
    SUM(input_tokens_total) AS input_tokens,
    SUM(output_tokens_total) AS output_tokens,
    COUNT(*) FILTER (WHERE is_unpriced) AS unpriced
FROM named
GROUP BY name
ORDER BY cost_usd DESC NULLS LAST, requests DESC, name
LIMIT $limit
