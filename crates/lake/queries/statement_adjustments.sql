-- What a team's usage was first recorded at, what of it was taken back, and what it was stated at anew.
-- grain: one row per model and price-book version; NULL is the version of what had no price
-- units: cost USD (decimal, 1e-12), attempts
-- source: usage, every row of models that have corrections
-- parameters: $organisation, $team (slugs), $from, $to (instants, end excluded), $first_day, $last_day
--   (their UTC days)
WITH scoped AS (
    SELECT
        COALESCE(model_resolved, model_asked) AS model,
        price_version,
        adjustment,
        cost_usd
    FROM usage
    WHERE event_date BETWEEN $first_day AND $last_day
      AND received_at >= $from
      AND received_at < $to
      AND organisation = $organisation
      AND team = $team
      AND usage_source <> 'none'
)
SELECT
    model,
    price_version,
    COUNT(*) FILTER (WHERE adjustment IS NULL) AS recorded,
    COUNT(*) FILTER (WHERE adjustment = 'retraction') AS retracted,
    COUNT(*) FILTER (WHERE adjustment = 'restatement') AS restated,
    SUM(cost_usd) FILTER (WHERE adjustment IS NULL) AS recorded_usd,
    SUM(cost_usd) FILTER (WHERE adjustment = 'retraction') AS retracted_usd,
    SUM(cost_usd) FILTER (WHERE adjustment = 'restatement') AS restated_usd
FROM scoped
WHERE model IN (SELECT model FROM scoped WHERE adjustment IS NOT NULL)
GROUP BY model, price_version
ORDER BY model, price_version
