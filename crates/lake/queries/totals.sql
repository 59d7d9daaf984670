-- What was spent and used in a window.
-- grain: one row
-- units: cost USD (decimal, 1e-12), tokens, requests, attempts
-- source: usage_day for the whole UTC days of the window, usage_15m for its edges
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days), $whole_from, $whole_to (UTC days read from usage_day),
--   $has_days, $has_edges (whether there is anything to read of each)
WITH parts AS (
    SELECT team, cost_usd, requests, errors, input_tokens, output_tokens, unpriced
    FROM usage_day
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT team, cost_usd, requests, errors, input_tokens, output_tokens, unpriced
    FROM usage_15m
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
)
SELECT
    SUM(cost_usd) AS cost_usd,
    SUM(cost_usd) FILTER (WHERE team IS NOT NULL) AS attributed_cost_usd,
    SUM(requests) AS requests,
    SUM(errors) AS failed_requests,
    SUM(input_tokens) AS input_tokens,
    SUM(output_tokens) AS output_tokens,
    SUM(unpriced) AS unpriced
FROM parts
WHERE team = $team OR $team IS NULL
