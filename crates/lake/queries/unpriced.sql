-- Calls that still have no price, by model and by team.
-- grain: one row per provider, model and team; NULL is usage without one
-- units: attempts, tokens, instants UTC (gateway clock)
-- source: usage, calls without a cost that no correction gave one; not those that told no usage
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded), $first_day, $last_day
--   (their UTC days)
SELECT
    calls.provider,
    COALESCE(calls.model_resolved, calls.model_asked) AS model,
    calls.team,
    COUNT(*) AS requests,
    SUM(calls.input_tokens_total) + SUM(calls.output_tokens_total) AS tokens,
    MIN(calls.received_at) AS first_at,
    MAX(calls.received_at) AS last_at
FROM usage AS calls
LEFT ANTI JOIN (
    SELECT adjusts
    FROM usage
    WHERE event_date BETWEEN $first_day AND $last_day
      AND adjustment = 'restatement'
) AS corrections
    ON corrections.adjusts = calls.node_id || '/' || calls.epoch || '/' || CAST(calls.seq AS VARCHAR)
WHERE calls.event_date BETWEEN $first_day AND $last_day
  AND calls.received_at >= $from
  AND calls.received_at < $to
  AND (calls.team = $team OR $team IS NULL)
  AND calls.cost_usd IS NULL
  AND calls.usage_source NOT IN ('none', 'unknown')
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
