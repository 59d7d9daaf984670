//! Budgets: where they stand, where they lead, how one was spent, and what is missing when a source is.

use std::sync::Arc;

use axum::http::StatusCode;
use store::Role;
use units::BudgetId;

use crate::bench::{Bench, DollarADay};
use crate::browser::{Browser, PUBLIC_URL};
use crate::sample;
use crate::sources::MemoryBudgets;

fn address(bits: u128) -> String {
    format!("/budgets?budget={}", BudgetId::from_u128(bits))
}

#[tokio::test]
async fn every_budget_says_how_much_is_used_and_when_it_would_be_used_up() {
    let bench = Bench::new().await;
    let page = bench.browser.open("/budgets").await.body;
    for shown in [
        "search-monthly",
        "Within its limit",
        "54.1%",
        "not at this rate",
        "growth-monthly",
        "Near its limit",
        "at this rate</small>",
        "support-bots-monthly",
        "Used up",
        "whole-year",
        "organisation",
        "<data value=\"687.56\">",
        "each month",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(page.contains("Burn-down of <bdi>support-bots-monthly</bdi>"), "the least is left");
}

#[tokio::test]
async fn one_budget_is_shown_in_full_with_chart_thresholds_and_leases() {
    let bench = Bench::new().await;
    let page = bench.browser.open(&address(2)).await.body;
    for shown in [
        "Burn-down of <bdi>growth-monthly</bdi>",
        "<svg class=\"trend burn\"",
        // 80 % of 320 is 256: passed on the sixth day at 50 a day; 320 on the seventh.
        "passed Fri 6 Nov",
        "passed Sat 7 Nov",
        "gateway-&#60;b&#62;1&#60;/b&#62;",
        "<data value=\"7.00\">$7.00</data>",
        "spends up to <data value=\"2.50\">",
        "Sun 1 Nov",
        "<data value=\"20.00\">$20.00</data>",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(!page.contains("style="), "{page}");
    let whole = bench.browser.open(&address(4)).await.body;
    assert!(whole.contains("refuses once its lease is used up"), "{whole}");
    assert!(whole.contains("No gateway holds any of it now"), "{whole}");
}

#[tokio::test]
async fn a_session_of_one_team_sees_its_budget_and_no_other() {
    let bench = Bench::new().await;
    bench.browser.access.add_role("gus", Role::Finance, Some("growth"));
    let page = bench.browser.open_with("/budgets", "gus").await.body;
    assert!(page.contains("growth-monthly"), "{page}");
    assert!(!page.contains("search-monthly") && !page.contains("whole-year"), "{page}");
    for (bits, expected) in
        [(1, StatusCode::NOT_FOUND), (2, StatusCode::OK), (4, StatusCode::NOT_FOUND)]
    {
        let answer = bench.browser.open_with(&address(bits), "gus").await;
        assert_eq!(answer.status, expected, "{bits}");
    }
    let odd = bench.browser.open("/budgets?budget=x").await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_budgets_the_page_shows_how_to_declare_one() {
    let browser = Browser::with(sample::ledger(), PUBLIC_URL, |sources| sources);
    let page = browser.open("/budgets").await.body;
    for shown in ["No budgets", "[[budget]]", "limit_usd", "tollgate config check"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
}

#[tokio::test]
async fn where_the_ledger_is_away_a_budget_still_stands_where_it_stands() {
    let mut budgets = sample::budgets();
    budgets.truncate(1);
    budgets[0].scope = "team:platform".parse().unwrap();
    let browser = Browser::with(sample::ledger(), PUBLIC_URL, |sources| {
        sources
            .with_budgets(Arc::new(MemoryBudgets::of(budgets)))
            .with_explorer(Arc::new(DollarADay))
    });
    let page = browser.open("/budgets").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("The ledger cannot be read right now"), "{}", page.body);
    assert!(page.body.contains("<data value=\"812.44\">"), "{}", page.body);
}

#[tokio::test]
async fn where_the_authority_is_away_the_overview_says_so_and_shows_the_rest() {
    let board = Arc::new(MemoryBudgets { budgets: Vec::new(), is_down: true });
    let browser =
        Browser::with(sample::ledger(), PUBLIC_URL, |sources| sources.with_budgets(board));
    let page = browser.open("/budgets").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.body.contains("database gone"), "{}", page.body);
    let overview = browser.open("/").await;
    assert_eq!(overview.status, StatusCode::OK);
    assert!(overview.body.contains("Budgets cannot be read right now"), "{}", overview.body);
    assert!(overview.body.contains("Top teams"), "{}", overview.body);
}
