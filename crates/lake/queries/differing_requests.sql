-- Requests of one model whose cost by the provider lies furthest from that by the price book.
-- grain: one row per request all of whose attempts there have a price
-- units: none
-- source: usage, rows whose answer names a cost, and their corrections (which name zero)
-- parameters: $provider, $model (NULL is usage without one), $limit (rows), $team (NULL is everybody),
--   $from, $to (instants, end excluded), $first_day, $last_day (their UTC days)
SELECT request_id
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND (team = $team OR $team IS NULL)
  AND (provider IS NOT DISTINCT FROM $provider)
  AND (COALESCE(model_resolved, model_asked) IS NOT DISTINCT FROM $model)
  AND cost_reported_usd IS NOT NULL
GROUP BY request_id
HAVING SUM(
    CASE
        WHEN adjustment = 'restatement' THEN -1
        WHEN adjustment = 'retraction' THEN 1
        WHEN cost_usd IS NULL THEN 1
        ELSE 0
    END
) = 0
ORDER BY ABS(SUM(cost_reported_usd) - SUM(cost_usd)) DESC, request_id
LIMIT $limit
