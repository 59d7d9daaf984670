"""One month's figures as each page and file tells them, and pages that show hostile text."""

import csv
import tempfile
from urllib.parse import urlencode

import duckdb
from playwright.sync_api import expect

from console_visit import amounts, downloaded

ENTIRE = "total"


def told_by_rows(rows):
    """Amounts by team of explore's totals; all of them under a name of their own."""
    told = {}
    for row_type, team, cost in rows:
        told[ENTIRE if row_type == "total" else team] = str(cost)
    return told


def month(visitor, of_month):
    """Every team's total of a month: by statement, its CSV, explore, its CSV, its Parquet."""
    page = visitor.window()
    told = {"statement": {}, "statement_csv": {}}
    with tempfile.TemporaryDirectory() as directory:
        page.goto("/explore?range=month&grain=total&by=team")
        totals = page.locator("table.totals")
        names = totals.locator("tbody:not(.grand) th bdi").all_inner_texts()
        by_page = amounts(totals.locator("tbody td:nth-of-type(1) data"))
        told["explore"] = dict(zip([*names, ENTIRE], map(str, by_page), strict=True))
        files = page.locator(".take-away").first
        text = downloaded(page, files.get_by_role("link", name="CSV"), directory)
        with open(text, newline="", encoding="utf-8") as file:
            rows = [(row["row_type"], row["team"], row["cost_usd"]) for row in csv.DictReader(file)]
        told["explore_csv"] = told_by_rows(rows)
        parquet = downloaded(page, files.get_by_role("link", name="Parquet"), directory)
        rows = duckdb.sql(
            f"SELECT row_type, team, CAST(cost_usd AS VARCHAR) FROM read_parquet('{parquet}')"
        ).fetchall()
        told["explore_parquet"] = told_by_rows(rows)
        for team in names:
            page.goto(f"/statements/team/{team}/{of_month}")
            exact = amounts(page.locator(".grand .exact data"))
            told["statement"][team] = str(exact[0])
            text = downloaded(page, page.get_by_role("link", name="Download CSV"), directory)
            with open(text, newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if row["row_type"] == "total"]
            told["statement_csv"][team] = rows[0]["cost_usd_exact"]
    page.context.close()
    return told


def is_text(page, value):
    """Fails unless the value is shown, or the title of what it was cut to, and is only text."""
    names = "all => all.flatMap((one) => [one.textContent, one.title])"
    shown = page.locator("main bdi").evaluate_all(names)
    assert value in shown, f"{value!r} is not shown on {page.url}: {shown}"
    assert page.evaluate("typeof window.broken") == "undefined", "a script ran"
    assert page.locator("#broken").count() == 0, "text became an element"


def hostile(visitor, given):
    """Values of clients on every page that shows them, and back again through filters."""
    page = visitor.window()
    page.goto(f"/requests/{given['request']}")
    for value in given["values"].values():
        is_text(page, value)
    for name, value in given["values"].items():
        by = name if name in ("feature", "customer", "user") else f"tag:{name}"
        page.goto("/explore?" + urlencode({"grain": "day", "by": by}))
        is_text(page, value)
        rows = page.locator("table.totals tbody:not(.grand) tr")
        row = rows.filter(has=page.get_by_text(value, exact=True))
        row.get_by_role("link").click()
        expect(page.get_by_label("Filter 1: value")).to_have_value(value)
        is_text(page, value)
        page.goto("/requests?" + urlencode({"f": by, "op": "is", "v": value}))
        expect(page.get_by_label("Filter 1: value")).to_have_value(value)
        expect(page.locator("table.requests tbody tr")).to_have_count(1)
    page.context.close()
