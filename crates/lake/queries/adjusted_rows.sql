-- What corrections made so far came to, by the row they correct.
-- grain: one row per corrected row
-- units: cost USD (decimal, 1e-12)
-- source: usage, corrections alone
-- parameters: $first_day, $last_day (UTC days)
SELECT
    adjusts,
    SUM(cost_list_usd) AS list_usd,
    SUM(cost_contract_usd) AS contract_usd,
    SUM(cost_usd) AS cost_usd,
    MAX(revision) AS revision,
    FIRST_VALUE(model_priced ORDER BY revision DESC) AS model_priced,
    FIRST_VALUE(price_version ORDER BY revision DESC) AS price_version,
    FIRST_VALUE(rate_set ORDER BY revision DESC) AS rate_set
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND adjustment IS NOT NULL
GROUP BY adjusts
