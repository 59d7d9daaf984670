//! What each page shows, full and empty.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use console::ledger::OverviewData;

use crate::browser::{Browser, PUBLIC_URL, signed_in};
use crate::sample;
use crate::sources::MemoryLedger;

#[tokio::test]
async fn the_overview_shows_the_month_its_past_its_future_and_who_spends() {
    let browser = Browser::over_sample();
    let body = browser.open("/").await.body;
    let spent = sample::ledger().overview.totals.cost;
    for shown in [
        "November 2026",
        &format!("<data value=\"{spent}\">"),
        "by this point of October 2026",
        "Forecast for the month",
        "Likely ",
        "Top teams",
        "Top models",
        "Top customers",
        "href=\"/statements/team/search/2026-11\"",
        "All others",
        "One model has no price",
        "<meter min=\"0\" max=\"1000\"",
        "Near its limit",
        "Used up",
        "3 seconds ago",
        "99.3%",
        "days in UTC",
        "Signed in as admin",
    ] {
        assert!(body.contains(shown), "{shown}\n{body}");
    }
    assert_eq!(body.matches("<caption>").count(), 6, "every table has a caption");
    assert_eq!(body.matches("<svg class=\"trend\"").count(), 1);
}

#[tokio::test]
async fn a_past_month_is_whole_has_no_forecast_and_no_budgets() {
    let browser = Browser::over_sample();
    let body = browser.open("/?month=2026-10").await.body;
    assert!(body.contains("The whole month"), "{body}");
    assert!(body.contains("href=\"/?month=2026-11\""), "{body}");
    assert!(!body.contains("Forecast") && !body.contains("<meter"), "{body}");
}

#[tokio::test]
async fn a_month_to_come_shows_the_present_one() {
    let body = Browser::over_sample().open("/?month=2030-01").await.body;
    assert!(body.contains("<h1>November 2026</h1>"), "{body}");
}

#[tokio::test]
async fn with_nothing_recorded_the_pages_teach_the_next_command() {
    let browser = Browser::over(MemoryLedger::default(), PUBLIC_URL);
    for address in ["/", "/statements"] {
        let answer = browser.open(address).await;
        assert_eq!(answer.status, StatusCode::OK);
        for command in ["tollgate key create", "tollgate demo"] {
            assert!(answer.body.contains(command), "{address}: {command}");
        }
    }
}

#[tokio::test]
async fn an_empty_month_after_a_busy_one_says_so() {
    let previous_days = sample::ledger().overview.previous_days;
    let overview = OverviewData { previous_days, ..OverviewData::default() };
    let browser = Browser::over(MemoryLedger { overview, ..MemoryLedger::default() }, PUBLIC_URL);
    let body = browser.open("/").await.body;
    assert!(body.contains("No requests in November 2026"), "{body}");
    assert!(!body.contains("tollgate demo"), "{body}");
}

#[tokio::test]
async fn a_query_that_does_not_parse_is_refused_with_the_reason() {
    let browser = Browser::over_sample();
    for address in ["/?month=2026-13", "/?month=", "/statements?until=x", "/?month=1&month=2"] {
        let answer = browser.open(address).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{address}");
    }
    let body = browser.open("/?month=2026-13").await.body;
    assert!(body.contains("write year and month such as 2026-11"), "{body}");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_as_page_and_as_json() {
    let browser = Browser::over_sample();
    for address in [
        "/nowhere",
        "/statements/team/search/2026-01",
        "/statements/team/search/november",
        "/statements/team/Search/2026-11",
        "/statements/team/nobody/2026-11",
        "/statements/team/..%2f..%2fetc/2026-11",
        "/statements/team/search/2026-11.pdf",
        "/statements/team/search",
    ] {
        let page = browser.open(address).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{address}");
        assert!(page.header("content-type").starts_with("text/html"), "{address}");
        let request = Request::get(address)
            .header("cookie", format!("tollgate_session={}", crate::browser::SESSION))
            .header("accept", "application/json");
        let json = browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(json.header("content-type"), "application/problem+json", "{address}");
        assert!(json.body.contains("\"type\":\"urn:tollgate:problem:not-found\""), "{}", json.body);
        assert!(json.body.contains("\"status\":404"), "{}", json.body);
    }
}

#[tokio::test]
async fn the_index_leads_to_every_statement_and_adds_up() {
    let browser = Browser::over_sample();
    let body = browser.open("/statements").await.body;
    for month in ["2026-09", "2026-10", "2026-11"] {
        let address = format!("href=\"/statements/team/search/{month}\"");
        assert!(body.contains(&address), "{address}");
    }
    assert!(body.contains("No team"), "{body}");
    let november = sample::ledger()
        .entries
        .iter()
        .filter(|e| e.period == sample::period("2026-11"))
        .map(|e| e.cost)
        .sum::<units::Usd>();
    assert!(body.contains(&format!("<data value=\"{november}\">")), "{november}");
    let earlier = browser.open("/statements?until=2026-10").await.body;
    assert!(!earlier.contains("team/search/2026-11"), "{earlier}");
    assert!(earlier.contains("Later months"), "{earlier}");
}

#[tokio::test]
async fn health_and_readiness_need_no_session() {
    let browser = Browser::over_sample();
    for (address, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = browser.open_as_stranger(address).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, body));
    }
}

#[tokio::test]
async fn a_head_request_is_answered_like_a_get() {
    let browser = Browser::over_sample();
    let request = signed_in(Request::head("/")).body(Body::empty()).unwrap();
    let answer = browser.send(request).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
}
