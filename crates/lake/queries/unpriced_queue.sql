-- Models with calls that still have no price, and the days on which they were made.
-- grain: one row per provider and model
-- units: attempts, tokens (of all calls of the model and team on those days, priced ones included), days UTC
-- source: usage_day; corrections are taken off the day of the call they price; calls that name no
--   model (files, batches) are left out, as no price of a model could cost them
-- parameters: $team (NULL is everybody), $first_day, $last_day (UTC, both included)
WITH open_days AS (
    SELECT
        day,
        team,
        provider,
        model,
        SUM(unpriced) AS unpriced,
        SUM(input_tokens) + SUM(output_tokens) AS tokens
    FROM usage_day
    WHERE day BETWEEN $first_day AND $last_day
      AND (team = $team OR $team IS NULL)
      AND COALESCE(model, '') <> ''
    GROUP BY day, team, provider, model
    HAVING SUM(unpriced) > 0
)
SELECT
    provider,
    model,
    SUM(unpriced) AS requests,
    SUM(tokens) AS tokens,
    MIN(day) AS first_day,
    MAX(day) AS last_day
FROM open_days
GROUP BY provider, model
ORDER BY requests DESC, provider, model
