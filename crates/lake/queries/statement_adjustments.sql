-- What corrections took back of a team's usage, and what they stated it at anew.
-- grain: one row per model, price book before and price book after; NULL before is what had no price
-- units: cost USD (decimal, 1e-12), attempts
-- source: usage, corrections alone: files without any are skipped by their statistics
-- parameters: $organisation, $team (slugs), $from, $to (instants, end excluded), $first_day, $last_day
--   (their UTC days)
WITH corrections AS (
    SELECT
        COALESCE(model_resolved, model_asked) AS model,
        epoch,
        adjusts,
        adjustment,
        price_version,
        cost_usd
    FROM usage
    WHERE event_date BETWEEN $first_day AND $last_day
      AND received_at >= $from
      AND received_at < $to
      AND organisation = $organisation
      AND team = $team
      AND adjustment IS NOT NULL
),
taken AS (
    SELECT * FROM corrections WHERE adjustment = 'retraction'
),
stated AS (
    SELECT * FROM corrections WHERE adjustment = 'restatement'
)
SELECT
    COALESCE(stated.model, taken.model) AS model,
    taken.price_version AS version_before,
    stated.price_version AS version_after,
    COUNT(*) AS attempts,
    SUM(taken.cost_usd) AS taken_usd,
    SUM(stated.cost_usd) AS stated_usd
FROM stated
FULL JOIN taken ON taken.epoch = stated.epoch AND taken.adjusts = stated.adjusts
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
