-- The price books a team's usage was priced with.
-- grain: one row per price-book version
-- units: none
-- source: usage, every priced attempt
-- parameters: $organisation, $team, $from, $to (instants, end excluded), $first_day, $last_day
SELECT DISTINCT price_version
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND organisation = $organisation
  AND team = $team
  AND price_version IS NOT NULL
ORDER BY price_version
