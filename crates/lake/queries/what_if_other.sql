-- The meters without a column of their own of the traffic of a scope, in the groups of what_if.sql.
-- grain: one row per provider, model, terms of the call and size of its prompt
-- units: as the meters
-- source: usage, attempts that used such a meter
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
    SUM(meters_other['input.video']) AS "input.video",
    SUM(meters_other['cache_read.audio']) AS "cache_read.audio",
    SUM(meters_other['cache_read.image']) AS "cache_read.image",
    SUM(meters_other['cache_read.video']) AS "cache_read.video",
    SUM(meters_other['cache_write.30m']) AS "cache_write.30m",
    SUM(meters_other['cache_write.12h']) AS "cache_write.12h",
    SUM(meters_other['citation']) AS "citation",
    SUM(meters_other['x_search']) AS "x_search",
    SUM(meters_other['file_search']) AS "file_search",
    SUM(meters_other['code_exec']) AS "code_exec",
    SUM(meters_other['request']) AS "request",
    SUM(meters_other['rerank_search']) AS "rerank_search",
    SUM(meters_other['audio_seconds']) AS "audio_seconds",
    SUM(meters_other['pages']) AS "pages",
    SUM(meters_other['images']) AS "images",
    SUM(meters_other['characters']) AS "characters",
    SUM(meters_other['cache_storage_tok_hours']) AS "cache_storage_tok_hours",
    SUM(meters_other['container_hours']) AS "container_hours"
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND received_at >= $from
  AND received_at < $to
  AND usage_source NOT IN ('none', 'unknown')
  AND meters_other IS NOT NULL
  AND (organisation = $organisation OR $organisation IS NULL)
  AND ($scope <> 'team' OR team = $value)
  AND ($scope <> 'project' OR project = $value)
  AND ($scope <> 'key' OR key_id = $value)
  AND ($scope <> 'user' OR user_id = $value)
  AND ($scope <> 'customer' OR customer = $value)
  AND ($scope <> 'model' OR model_resolved = $value)
  AND $filters
GROUP BY 1, 2, 3, 4, 5, 6, 7
