-- When keys were last used within a window.
-- grain: one row per virtual key used
-- units: instants UTC, gateway clock
-- source: usage
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded), $first_day, $last_day
--   (their UTC days)
SELECT
    key_id,
    MAX(received_at) AS used_at
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND (team = $team OR $team IS NULL)
  AND key_id IS NOT NULL
GROUP BY key_id
ORDER BY key_id
