-- Every attempt of one request, as it lies in the table.
-- grain: one row per attempt, billed model and revision of the request; an attempt's own row comes
--   before those of further models
-- units: as the table's columns
-- source: usage
-- parameters: $request_id, $first_day, $last_day (UTC days to look in)
SELECT *
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
  AND request_id = $request_id
ORDER BY attempt, revision, CASE WHEN reason LIKE 'caused:%' THEN 1 ELSE 0 END, seq
