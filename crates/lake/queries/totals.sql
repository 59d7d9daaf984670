-- What was spent and used in a window.
-- grain: one row
-- units: cost USD (decimal, 1e-12), tokens, requests, attempts
-- source: usage; a request is counted by its final row, money and tokens by every attempt
-- parameters: $from, $to (instants, end excluded), $first_day, $last_day (their UTC days)
SELECT
    SUM(cost_usd) AS cost_usd,
    SUM(cost_usd) FILTER (WHERE team IS NOT NULL) AS attributed_cost_usd,
    COUNT(*) FILTER (WHERE is_final AND revision = 0) AS requests,
    COUNT(*) FILTER (WHERE is_final AND revision = 0 AND error_class IS NOT NULL) AS failed_requests,
    SUM(input_tokens_total) AS input_tokens,
    SUM(output_tokens_total) AS output_tokens,
    COUNT(*) FILTER (WHERE cost_usd IS NULL AND usage_source <> 'none') AS unpriced
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
