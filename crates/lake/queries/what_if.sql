-- The traffic of a scope, in groups that are priced alike: what it would cost elsewhere is worked out
-- from these. Corrections have no quantity: their money is in the size of the smallest prompts.
-- grain: one row per provider, model, terms of the call and size of its prompt
-- units: tokens, calls, attempts, microseconds, cost USD (decimal, 1e-12)
-- source: usage, every attempt that used something
-- parameters: $organisation (slug, NULL is all), $scope (a name below, or 'organisation' for all of
--   it), $value, $from, $to (instants, end excluded), $first_day, $last_day (their UTC days),
--   $size_1 to $size_4 (input tokens from which a prompt is of the next size), filters (conditions are
--   put in its place)
SELECT
    provider,
    COALESCE(model_resolved, model_asked) AS model,
    service_tier,
    processing,
    speed,
    inference_geo,
    CASE
        WHEN input_tokens_total >= $size_4 THEN 4
        WHEN input_tokens_total >= $size_3 THEN 3
        WHEN input_tokens_total >= $size_2 THEN 2
        WHEN input_tokens_total >= $size_1 THEN 1
        ELSE 0
    END AS size,
    COUNT(*) FILTER (WHERE adjustment IS NULL) AS requests,
    MIN(input_tokens_total) FILTER (WHERE adjustment IS NULL) AS input_min,
    MAX(input_tokens_total) FILTER (WHERE adjustment IS NULL) AS input_max,
    SUM(duration_us) AS duration_us,
    SUM(cost_usd) AS cost_usd,
    SUM(
        CASE
            WHEN adjustment = 'restatement' THEN -1
            WHEN adjustment = 'retraction' THEN 1
            WHEN cost_usd IS NULL THEN 1
            ELSE 0
        END
    ) AS unpriced,
    SUM(input_text_tokens) AS input_text_tokens,
    SUM(input_audio_tokens) AS input_audio_tokens,
    SUM(input_image_tokens) AS input_image_tokens,
    SUM(input_tool_tokens) AS input_tool_tokens,
    SUM(cache_read_text_tokens) AS cache_read_text_tokens,
    SUM(cache_write_5m_tokens) AS cache_write_5m_tokens,
    SUM(cache_write_1h_tokens) AS cache_write_1h_tokens,
    SUM(output_text_tokens) AS output_text_tokens,
    SUM(output_audio_tokens) AS output_audio_tokens,
    SUM(output_image_tokens) AS output_image_tokens,
    SUM(reasoning_tokens) AS reasoning_tokens,
    SUM(web_search_calls) AS web_search_calls
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND usage_source NOT IN ('none', 'unknown')
  AND (organisation = $organisation OR $organisation IS NULL)
  AND ($scope <> 'team' OR team = $value)
  AND ($scope <> 'project' OR project = $value)
  AND ($scope <> 'key' OR key_id = $value)
  AND ($scope <> 'user' OR user_id = $value)
  AND ($scope <> 'customer' OR customer = $value)
  AND ($scope <> 'model' OR model_resolved = $value)
  AND $filters
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7
