"""Reads an exported folder with DuckDB and prints row count and exact cost sums as JSON.

Arguments: the export's directory. The sums are decimal text, so that no float is involved.
"""

import json
import sys

import duckdb

files = f"{sys.argv[1]}/**/*.parquet"
rows, cost = duckdb.sql(
    f"SELECT count(*), CAST(sum(cost_usd) AS VARCHAR) FROM read_parquet('{files}')"
).fetchall()[0]
teams = duckdb.sql(
    f"SELECT team, CAST(sum(cost_usd) AS VARCHAR) FROM read_parquet('{files}')"
    " WHERE team IS NOT NULL GROUP BY team ORDER BY team"
).fetchall()
print(json.dumps({"rows": rows, "cost_usd": cost, "teams": dict(teams)}))
