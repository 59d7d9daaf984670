-- Every row of some days, as it lies in the table.
-- grain: one row per row of the table
-- units: as the table's columns
-- source: usage
-- parameters: $first_day, $last_day (UTC days, both included)
SELECT *
FROM usage
WHERE event_date BETWEEN $first_day AND $last_day
