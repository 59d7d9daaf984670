-- How much of the usage is priced, metered by its provider, and attributed.
-- grain: one row
-- units: attempts
-- source: usage_day_by_customer for the whole UTC days of the window, usage_15m_by_customer for its
--   edges; attempts that used something
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days), $whole_from, $whole_to (UTC days read from usage_day),
--   $has_days, $has_edges (whether there is anything to read of each)
WITH parts AS (
    SELECT team, feature, customer, calls, priced, metered
    FROM usage_day_by_customer
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT team, feature, customer, calls, priced, metered
    FROM usage_15m_by_customer
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
)
SELECT
    SUM(calls) AS attempts,
    SUM(priced) AS priced,
    SUM(metered) AS metered,
    SUM(calls) FILTER (WHERE team IS NOT NULL) AS with_team,
    SUM(calls) FILTER (WHERE feature IS NOT NULL) AS with_feature,
    SUM(calls) FILTER (WHERE customer IS NOT NULL) AS with_customer
FROM parts
WHERE team = $team OR $team IS NULL
