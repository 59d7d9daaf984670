"""Each page's main task, done as people do it: by what is written on links, fields and buttons."""

import csv
import re
import tempfile
import urllib.error
import urllib.request
from decimal import Decimal

import duckdb
from playwright.sync_api import expect

from console_visit import amounts, downloaded, until

FILLED_WITHIN_S = 40
TOLD_WITHIN_S = 90
FOLLOWS_WITHIN_S = 10

# Costs are rounded once, half to even, to this.
PICO = Decimal("0.000000000001")


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def filter_by(page, what, how, value):
    page.get_by_label("Filter 1: what").select_option(what)
    page.get_by_label("Filter 1: how").select_option(how)
    page.get_by_label("Filter 1: value").fill(value)


def read_a_statement(page, directory):
    page.goto("/")
    links = page.get_by_role("main").locator("a[href^='/statements/team/']")
    until(page, "a filled overview", links.count, FILLED_WITHIN_S)
    links.first.click()
    expect(page.locator("h1")).to_contain_text("Statement of")
    path = downloaded(page, page.get_by_role("link", name="Download CSV"), directory)
    totals = [row for row in rows_of(path) if row["row_type"] == "total"]
    assert len(totals) == 1, totals


def explore(page):
    """Asks who uses which models, one team left out, and compared with the days before."""
    page.goto("/explore")
    page.get_by_label("Days").select_option("30d")
    page.get_by_label("Time by").select_option("day")
    page.get_by_label("Group by", exact=True).select_option("team")
    page.get_by_label("and by", exact=True).select_option("model")
    filter_by(page, "team", "not", "research")
    page.get_by_label("Compare with the period before").check()
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("compare=1"))
    totals = page.locator("table.totals")
    expect(totals.get_by_role("columnheader", name="Change, %")).to_be_visible()
    teams = totals.locator("tbody:not(.grand) th").all_inner_texts()
    assert len(teams) > 2 and not any("research" in team for team in teams), teams
    parts = amounts(totals.locator("tbody:not(.grand) tr td:nth-of-type(2) data"))
    parts += amounts(totals.locator("tbody:not(.grand) tr:has(th[colspan]) td:nth-of-type(1) data"))
    assert [sum(parts)] == amounts(totals.locator(".grand td:nth-of-type(1) data")), parts


def take_away(page, directory):
    """What explore shows, as SQL, as CSV and as Parquet."""
    page.get_by_text("Show SQL").click()
    expect(page.get_by_label("SQL")).to_contain_text("SELECT")
    files = page.locator(".take-away").first
    rows = rows_of(downloaded(page, files.get_by_role("link", name="CSV"), directory))
    assert rows[-1]["row_type"] == "total", rows
    parquet = downloaded(page, files.get_by_role("link", name="Parquet"), directory)
    columns = duckdb.sql(f"SELECT * FROM read_parquet('{parquet}')").columns
    assert columns == list(rows[0]), columns


def look_into_a_request(page):
    page.goto("/requests")
    filter_by(page, "team", "is", "search")
    page.get_by_role("button", name="List").click()
    expect(page).to_have_url(re.compile("v=search"))
    table = page.locator("table.requests")
    teams = table.locator("tbody tr td:nth-of-type(2) > bdi").all_inner_texts()
    assert teams and set(teams) == {"search"}, teams
    table.locator("tbody tr:has(.badge.within):has(data)").first.locator("th a").click()
    expect(page.locator("h1")).to_have_text("Request")
    shown = page.locator("table.cost-lines tbody:not(.grand) td:last-child").all_inner_texts()
    lines = [Decimal(amount.removeprefix("$")) for amount in shown]
    total = amounts(page.locator("dl.facts .strong data"))
    assert lines and [sum(lines).quantize(PICO)] == total, (lines, total)


def lets_in(gateway, secret):
    request = urllib.request.Request(f"{gateway}/models")
    request.add_header("authorization", f"Bearer {secret}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as refused:
        assert refused.code == 401, refused
        return False


def copied_secret(page):
    """Takes the secret that is shown once, and goes on to the key."""
    secret = page.locator(".secret code").inner_text()
    assert secret.startswith("tg_"), "a secret"
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("heading", name="Rotate")).to_be_visible()
    assert secret not in page.content(), "the secret is shown once"
    return secret


def manage_keys(page, gateway, name):
    page.goto("/keys")
    page.get_by_role("link", name="Make a key").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Team that pays").select_option("growth")
    page.get_by_role("button", name="Make the key").click()
    first = copied_secret(page)
    until(page, "the key works", lambda: lets_in(gateway, first), FOLLOWS_WITHIN_S)
    page.get_by_label("This key works for").select_option("none")
    page.get_by_role("button", name="Rotate the key").click()
    second = copied_secret(page)
    until(page, "the key before it ends", lambda: not lets_in(gateway, first), FOLLOWS_WITHIN_S)
    assert lets_in(gateway, second)
    page.get_by_text("Revoke this key").click()
    page.get_by_role("button", name="for ever").click()
    expect(page.locator("h1 + .subtitle")).to_contain_text("Revoked")
    until(page, "the key ends", lambda: not lets_in(gateway, second), FOLLOWS_WITHIN_S)


def watch_budgets(page):
    page.goto("/budgets")
    ends = page.locator("table.budgets tbody td:nth-of-type(6)").all_inner_texts()
    projections = ("at this rate", "now", "too early to tell")
    assert ends and all(any(words in end for words in projections) for end in ends), ends
    page.get_by_role("link", name="support-monthly").click()
    expect(page.get_by_role("heading", name="Burn-down of support-monthly")).to_be_visible()
    expect(page.locator("#chosen svg .remaining")).to_be_visible()
    used_up = page.locator("#chosen dl.facts dd").first.inner_text()
    assert any(words in used_up for words in projections), used_up


def answer_an_incident(page):
    """The planted runaway: from the list to its causes and requests, then marked as expected."""
    page.goto("/alerts")
    row = page.locator("table.incidents tr", has_text="Runaway spend").filter(has_text="research")
    until(page, "the runaway's incident", row.count, TOLD_WITHIN_S)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="What was seen")).to_be_visible()
    incident = page.url
    samples = page.locator("ul.samples a")
    until(page, "requests that show it", samples.count, FILLED_WITHIN_S)
    samples.first.click()
    expect(page.locator("dl.pairs div", has_text="Team")).to_contain_text("research")
    page.goto(incident)
    page.get_by_label("Expected for").select_option("4")
    page.get_by_role("button", name="Mark expected").click()
    state = page.locator("dl.facts div", has_text="State").locator("dd")
    expect(state).to_contain_text("Expected until")


def mend_a_drift(page):
    """The planted drift: from the list to what differs, the command that mends it, and both costs."""
    page.goto("/alerts")
    row = page.locator("table.incidents tr", has_text="Reported cost differs")
    row = row.filter(has_text="grok-4.6")
    until(page, "the drift's incident", row.count, TOLD_WITHIN_S)
    row.get_by_role("link").click()
    share = page.locator("dl.pairs div", has_text="Difference").locator("dd")
    expect(share).to_contain_text("(+2.4%)")
    expect(page.locator("pre.command").first).to_contain_text("price show grok-4.6")
    assert page.locator("ul.samples a").count() == 3, "three requests show it"
    page.get_by_role("link", name="Compare reported and computed cost").click()
    expect(page.locator("h1")).to_have_text("Invoice drift")
    expect(page.locator("table.drift tr.over", has_text="grok-4.6").first).to_be_visible()


def tell_again(page):
    """A message that arrived is sent once more, and the channel is tried."""
    page.goto("/alerts")
    page.get_by_role("button", name="Send again").first.click()
    expect(page.locator("h1")).to_have_text("Alerts")
    page.get_by_role("button", name="Send a test to finance").click()
    expect(page.locator("h1")).to_have_text("Alerts")
    tests = page.locator("table.deliveries tr", has=page.get_by_role("cell", name="test"))
    sent = tests.filter(has_text="sent")
    until(page, "the test message", sent.count, FILLED_WITHIN_S)


def read_the_docs(page):
    page.goto("/docs")
    expect(page.locator("h1")).to_have_text("Admin API")
    document = page.request.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1."), document["openapi"]
    for path in document["paths"]:
        expect(page.locator("h3", has_text=path).first).to_be_visible()


def all_of(visitor, gateway):
    with tempfile.TemporaryDirectory() as directory:
        page = visitor.window()
        read_a_statement(page, directory)
        explore(page)
        take_away(page, directory)
        look_into_a_request(page)
        manage_keys(page, gateway, "made in a browser")
        watch_budgets(page)
        read_the_docs(page)
        answer_an_incident(page)
        mend_a_drift(page)
        tell_again(page)
        page.context.close()
    without_scripts = visitor.window(java_script_enabled=False)
    explore(without_scripts)
    look_into_a_request(without_scripts)
    manage_keys(without_scripts, gateway, "made without scripts")
    without_scripts.context.close()
