-- The price books a team's usage was priced with.
-- grain: one row per price-book version
-- units: none
-- source: usage_day_by_customer for the whole UTC days of the window, usage_15m_by_customer for its
--   edges; every attempt that was priced
-- parameters: $organisation, $team (slugs), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days), $whole_from, $whole_to (UTC days read from usage_day),
--   $has_days, $has_edges (whether there is anything to read of each)
WITH parts AS (
    SELECT organisation, team, price_version
    FROM usage_day_by_customer
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT organisation, team, price_version
    FROM usage_15m_by_customer
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
)
SELECT DISTINCT price_version
FROM parts
WHERE organisation = $organisation
  AND team = $team
  AND price_version IS NOT NULL
ORDER BY price_version
