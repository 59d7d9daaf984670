-- Models that were used without a price.
-- grain: one row per provider and model
-- units: attempts, tokens (of all calls of the model, priced ones included)
-- source: usage_day for the whole UTC days of the window, usage_15m for its edges
-- parameters: $team (NULL is everybody), $from, $to (instants, end excluded, quarters of an hour),
--   $first_day, $last_day (their UTC days), $whole_from, $whole_to (UTC days read from usage_day),
--   $has_days, $has_edges (whether there is anything to read of each)
WITH parts AS (
    SELECT team, provider, model, unpriced, input_tokens, output_tokens
    FROM usage_day
    WHERE $has_days AND day >= $whole_from AND day < $whole_to
    UNION ALL
    SELECT team, provider, model, unpriced, input_tokens, output_tokens
    FROM usage_15m
    WHERE $has_edges
      AND bucket_date BETWEEN $first_day AND $last_day
      AND (bucket_date < $whole_from OR bucket_date >= $whole_to)
      AND bucket >= $from
      AND bucket < $to
)
SELECT
    provider,
    model,
    SUM(unpriced) AS calls,
    SUM(input_tokens) + SUM(output_tokens) AS tokens
FROM parts
WHERE team = $team OR $team IS NULL
GROUP BY provider, model
HAVING SUM(unpriced) > 0
ORDER BY calls DESC, provider, model
