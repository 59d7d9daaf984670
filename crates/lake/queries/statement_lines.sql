-- The lines of a team's statement.
-- grain: one row per feature and customer; NULL is usage without one
-- units: cost USD (decimal, 1e-12), tokens, requests, attempts
-- source: usage; a request is counted by its final row, money and tokens by every attempt
-- parameters: $organisation, $team (slugs), $from, $to (instants, end excluded),
--   $first_day, $last_day (their UTC days)
SELECT
    feature,
    customer,
    COUNT(*) FILTER (WHERE is_final AND revision = 0) AS requests,
    SUM(input_tokens_total) AS input_tokens,
    SUM(output_tokens_total) AS output_tokens,
    SUM(cost_usd) AS cost_usd,
    COUNT(*) FILTER (WHERE cost_usd IS NULL AND usage_source <> 'none') AS unpriced
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND organisation = $organisation
  AND team = $team
GROUP BY feature, customer
ORDER BY cost_usd DESC NULLS LAST, feature, customer
