//! Explore: what is asked, what is shown, and what is taken away.

use std::sync::Arc;

use axum::http::StatusCode;
use console::{ConsoleSettings, ConsoleState, Sources};
use store::Role;
use units::{BillingZone, UnixMicros, Usd};

use crate::browser::{Answer, Browser, PUBLIC_URL, SESSION};
use crate::incidents::{self, MemoryAlerts};
use crate::sample::{self, NOW};
use crate::sources::{MemoryAccess, StoppedClock};
use crate::usage::{self, MemoryUsage};

/// A console over usage, requests and alerts in memory, with sessions of several kinds.
pub(crate) fn console(usage: MemoryUsage) -> (Browser, Arc<MemoryAlerts>) {
    let access = Arc::new(MemoryAccess::default());
    access.add_session(SESSION, UnixMicros::new(i64::MAX));
    access.add_role("viewer", Role::Viewer, None);
    access.add_role("growth-admin", Role::Admin, Some("growth"));
    let alerts = Arc::new(incidents::alerts());
    let sources = Sources::new(Arc::new(sample::ledger()), access)
        .with_explorer(Arc::new(usage))
        .with_requests(Arc::new(usage::requests()))
        .with_alerts(alerts.clone());
    let settings = ConsoleSettings {
        public_url: PUBLIC_URL.parse().unwrap(),
        organisation: "Acme".to_owned(),
        zone: BillingZone::UTC,
    };
    let state = ConsoleState::new(sources, settings, Arc::new(StoppedClock(NOW)));
    (Browser::of(state), alerts)
}

async fn explored(query: &str) -> Answer {
    let (browser, _) = console(usage::usage());
    browser.open(&format!("/explore{query}")).await
}

/// The amounts of a table's column of money, by its exact values.
fn amounts(html: &str) -> Vec<Usd> {
    let values = html.split("<data value=\"").skip(1);
    values.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn series_and_the_rest_add_up_to_the_total_on_the_page_and_in_both_files() {
    let query = "?range=month&metric=cost&by=feature&top=5";
    let page = explored(query).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let table = page.body.split("<table class=\"totals\">").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    let shown = amounts(table);
    let (total, parts) = shown.split_last().unwrap();
    assert_eq!(parts.len(), 6, "{table}");
    assert_eq!(parts.iter().copied().sum::<Usd>(), *total);

    let (browser, _) = console(usage::usage());
    let totals = browser.open(&format!("/explore/totals.csv{query}")).await;
    assert_eq!(totals.header("content-type"), "text/csv; charset=utf-8");
    for amount in &shown {
        assert!(totals.body.contains(&format!(",{amount}")), "{amount}\n{}", totals.body);
    }
    let buckets = browser.open(&format!("/explore/buckets.csv{query}")).await.body;
    let cells = buckets.lines().skip(1).map(|line| line.rsplit(',').next().unwrap());
    let sum: Usd = cells.map(|cell| cell.parse::<Usd>().unwrap()).sum();
    assert_eq!(sum, *total, "{buckets}");
}

#[tokio::test]
async fn a_comparison_shows_what_each_series_came_to_before() {
    let csv = {
        let (browser, _) = console(usage::usage());
        browser.open("/explore/totals.csv?by=team&compare=1&range=7d").await.body
    };
    let head = csv.lines().next().unwrap();
    assert_eq!(head, "row_type,team,cost_usd,cost_usd_before,cost_usd_change,change_percent");
    let money = |cell: &str| cell.parse::<Usd>().unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    for row in &rows {
        assert_eq!(money(row[2]) - money(row[3]), money(row[4]), "{csv}");
    }
    let (total, parts) = rows.split_last().unwrap();
    let before: Usd = parts.iter().map(|row| money(row[3])).sum();
    assert_eq!(before, money(total[3]), "{csv}");
    let page = explored("?by=team&compare=1&range=7d").await.body;
    assert!(page.contains("compared with 9 Nov 2026 to 15 Nov 2026"), "{page}");
}

#[tokio::test]
async fn every_metric_and_grain_has_a_page_without_inline_style_or_handlers() {
    for metric in [
        "cost",
        "list-cost",
        "input-tokens",
        "output-tokens",
        "requests",
        "cost-per-request",
        "cache-saved",
    ] {
        for grain in ["auto", "total", "day", "week", "month"] {
            let query = format!("?metric={metric}&grain={grain}&by=customer&by=tag:env&compare=1");
            let page = explored(&query).await;
            assert_eq!(page.status, StatusCode::OK, "{query}\n{}", page.body);
            assert!(page.body.contains("<svg class=\"plot\""), "{query}");
            for broken_out in ["style=", "<script>", "\" onload=\""] {
                assert!(!page.body.contains(broken_out), "{query}: {broken_out}");
            }
        }
    }
}

#[tokio::test]
async fn a_bad_question_keeps_its_form_and_says_what_is_wrong() {
    for (query, told) in [
        ("?range=dates&from=yesterday", "first day is no date"),
        ("?range=dates&from=2026-11-05&to=2026-11-01", "before the first"),
        ("?metric=spend", "“spend” is no metric"),
        ("?by=nobody", "“nobody” is no dimension"),
        ("?f=team&op=like&v=%3Cb%3E", "not known"),
        ("?top=1000000", "how many series"),
        ("?range=90d&grain=hour", "coarser grain"),
    ] {
        let page = explored(query).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(page.body.contains(told) && page.body.contains("<form"), "{query}\n{}", page.body);
        assert!(!page.body.contains("<b>"), "{query}");
        let (browser, _) = console(usage::usage());
        let file = browser.open(&format!("/explore/totals.csv{query}")).await;
        assert_eq!(file.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let usage = MemoryUsage { refuses: Some("Choose fewer days.".to_owned()), ..usage::usage() };
    let (browser, _) = console(usage);
    let page = browser.open("/explore").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.body.contains("Choose fewer days."), "{}", page.body);
}

#[tokio::test]
async fn what_has_no_price_is_told_and_never_shown_as_free() {
    let page = explored("?by=model&grain=total").await.body;
    let row = page.split("<tr>").find(|row| row.contains("title=\"aurora-2\"")).unwrap();
    assert!(row.contains("unknown") && row.contains("unpriced"), "{row}");
    assert!(!row.contains("$0.00"), "{row}");
}

#[tokio::test]
async fn a_session_of_one_team_explores_that_team_only() {
    let (browser, _) = console(usage::usage());
    for query in
        ["", "?by=team", "?by=team&f=team&op=is&v=search", "?by=team&f=team&op=not&v=growth"]
    {
        let page = browser.open_with(&format!("/explore{query}"), "growth-admin").await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
        let results = page.body.split("</form>").last().unwrap();
        for other in ["search", "support-bots", "labs"] {
            assert!(!results.contains(other), "{query}: {other}");
        }
    }
}

#[tokio::test]
async fn viewers_explore_and_take_nothing_away() {
    let (browser, _) = console(usage::usage());
    let page = browser.open_with("/explore", "viewer").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains(".csv") && !page.body.contains("/requests?"), "{}", page.body);
    for address in ["/explore/totals.csv", "/explore/buckets.parquet", "/requests", "/alerts"] {
        let answer = browser.open_with(address, "viewer").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{address}");
    }
    for address in ["/explore/totals.xml", "/explore/other.csv", "/explore/totals"] {
        assert_eq!(browser.open(address).await.status, StatusCode::NOT_FOUND, "{address}");
    }
}

#[tokio::test]
async fn a_name_leads_to_its_own_usage_and_a_bucket_to_its_requests() {
    let page = explored("?by=customer&range=7d").await.body;
    let narrower = page
        .split("href=\"")
        .find(|part| part.starts_with("/explore?") && part.contains("f=customer"));
    let narrower = narrower.unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let (browser, _) = console(usage::usage());
    assert_eq!(browser.open(&narrower).await.status, StatusCode::OK, "{narrower}");
    let requests = page.split("href=\"").find(|part| part.starts_with("/requests?since="));
    let requests = requests.unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let list = browser.open(&requests).await;
    assert_eq!(list.status, StatusCode::OK, "{requests}");
    assert!(list.body.contains("16 Nov"), "{}", list.body);
}

#[tokio::test]
async fn the_colours_are_a_choice_kept_without_a_script() {
    let (browser, _) = console(usage::usage());
    let form = format!("csrf=csrf-of-{SESSION}&theme=dark");
    let chosen = browser.submit("/theme", Some(PUBLIC_URL), Some(SESSION), &form).await;
    assert_eq!((chosen.status, chosen.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert!(chosen.header("set-cookie").starts_with("tollgate_theme=dark;"));
    let forged =
        browser.submit("/theme", Some(PUBLIC_URL), Some(SESSION), "csrf=x&theme=dark").await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let style = browser.open_as_stranger("/theme.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.body.contains("color-scheme: light dark"), "{}", style.body);
}
