-- The lines of a team's statement.
-- grain: one row per feature and customer; NULL is usage without one
-- units: cost USD (decimal, 1e-12), tokens, requests, attempts
-- source: usage_day_by_customer for the whole UTC days of the window, usage_15m_by_customer for its
--   edges; a request is counted by its final row, money and tokens by every attempt
-- parameters: $organisation, $team (slugs), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days), $whole_from, $whole_to (UTC days read from usage_day),
--   $has_days, $has_edges (whether there is anything to read of each)
WITH parts AS (
    SELECT organisation, team, feature, customer, requests, input_tokens, output_tokens, cost_usd, unpriced
    FROM usage_day_by_customer
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT organisation, team, feature, customer, requests, input_tokens, output_tokens, cost_usd, unpriced
    FROM usage_15m_by_customer
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
)
SELECT
    feature,
    customer,
    SUM(requests) AS requests,
    SUM(input_tokens) AS input_tokens,
    SUM(output_tokens) AS output_tokens,
    SUM(cost_usd) AS cost_usd,
    SUM(unpriced) AS unpriced
FROM parts
WHERE organisation = $organisation
  AND team = $team
GROUP BY feature, customer
ORDER BY cost_usd DESC NULLS LAST, feature, customer
