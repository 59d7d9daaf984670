-- The newest requests.
-- grain: one row per request, its final row as first recorded
-- units: cost USD (decimal, 1e-12), tokens, microseconds, instants UTC by the gateway's clock
-- source: usage
-- parameters: $limit (rows), $first_day, $last_day (UTC days to look in)
SELECT
    request_id,
    received_at,
    team,
    provider,
    COALESCE(model_resolved, model_asked) AS model,
    status,
    error_class,
    is_stream,
    input_tokens_total,
    output_tokens_total,
    cost_usd,
    duration_us
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND is_final
  AND revision = 0
ORDER BY received_at DESC, request_id
LIMIT $limit
