-- What one budget's scope spent in a window, by the process that recorded it.
-- grain: one row per gateway node and epoch that recorded usage of the scope
-- units: cost USD (decimal, 1e-12), spool sequences
-- source: usage, every attempt
-- parameters: $organisation (slug), $scope (a name below, or 'organisation' for all of it), $value,
--   $from, $to (instants, end excluded), $first_day, $last_day (their UTC days)
SELECT
    node_id,
    epoch,
    SUM(cost_usd) AS cost_usd,
    MAX(seq) AS max_seq
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND organisation = $organisation
  AND ($scope <> 'team' OR team = $value)
  AND ($scope <> 'project' OR project = $value)
  AND ($scope <> 'key' OR key_id = $value)
  AND ($scope <> 'user' OR user_id = $value)
  AND ($scope <> 'customer' OR customer = $value)
  AND ($scope <> 'model' OR model_resolved = $value)
GROUP BY node_id, epoch
ORDER BY node_id, epoch
