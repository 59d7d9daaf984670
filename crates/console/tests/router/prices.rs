//! Prices: the page of the book, the queue of what it lacks, and costing over the API.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use console::adapters::LakePrices;
use console::explore::Span;
use console::prices::{PriceDesk, UnpricedUse};
use jiff::civil::date;
use lake::{Lake, LakeOptions};
use pricing::PriceBook;
use serde_json::{Value, json};
use store::{Role, Store};
use units::Clock;

use crate::adapters::row;
use crate::bench::Bench;
use crate::browser::{Answer, Browser, PUBLIC_URL, SESSION};
use crate::sample::{self, HOSTILE, NOW};
use crate::sources::{MemoryPrices, StoppedClock};

fn used(model: &str, requests: u64) -> UnpricedUse {
    UnpricedUse {
        provider: Some("labs".to_owned()),
        billed_as: Some("aurora-labs".to_owned()),
        model: Some(model.to_owned()),
        requests,
        tokens: 9_120_554,
        first_day: date(2026, 11, 21),
        last_day: date(2026, 11, 22),
    }
}

fn over(prices: MemoryPrices) -> Browser {
    let browser = Browser::with(sample::ledger(), PUBLIC_URL, |sources| {
        sources.with_prices(Arc::new(prices))
    });
    browser.access.add_role("viewer", Role::Viewer, None);
    browser.access.add_role("growth-viewer", Role::Viewer, Some("growth"));
    browser
}

fn with_queue() -> Browser {
    let unpriced = vec![("search", used("secret-of-search", 1_204)), ("growth", used(HOSTILE, 7))];
    over(MemoryPrices { unpriced, ..MemoryPrices::of(sample::PRICES) })
}

async fn page(browser: &Browser, address: &str, session: &str) -> String {
    let answer = browser.open_with(address, session).await;
    assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.body);
    answer.body
}

#[tokio::test]
async fn the_page_shows_the_book_its_layers_and_exact_prices_per_million() {
    let body = page(&with_queue(), "/prices", "viewer").await;
    let version = MemoryPrices::of(sample::PRICES).book.version().to_owned();
    for shown in [
        version.as_str(),
        "$2.50</td>",
        "$0.0625</td>",
        "$10.00</td>",
        "$0.123456789012345</td>",
        "$0.55 <small>$0.50 per million × 1.1</small>",
        "<code>request</code> $10.00 per 1,000",
        "<time datetime=\"2026-11-30\">30 Nov 2026</time>",
        "use <bdi>acme-next</bdi>",
        "<td>operator</td>",
        "&#60;b&#62;ours&#60;/b&#62;.json",
        "18 Nov 2026",
        "tollgate price set",
        "1,204",
        "9,120,554",
        "in the price book <bdi>aurora-labs</bdi>",
    ] {
        assert!(body.contains(shown), "{shown}\n{body}");
    }
    assert_eq!(body.matches("<table").count(), body.matches("<caption>").count());
    assert!(!body.contains("<script>alert") && !body.contains("style="), "{body}");
}

#[tokio::test]
async fn a_viewer_of_one_team_sees_only_what_that_team_used() {
    let browser = with_queue();
    let all = page(&browser, "/prices", "viewer").await;
    assert!(all.contains("secret-of-search") && all.contains("&#60;script&#62;"), "{all}");
    let own = page(&browser, "/prices", "growth-viewer").await;
    assert!(own.contains("&#60;script&#62;"), "{own}");
    assert!(!own.contains("secret-of-search") && !own.contains("1,204"), "{own}");
    let prices = over(MemoryPrices::of(sample::PRICES));
    let none = page(&prices, "/prices", "growth-viewer").await;
    assert!(none.contains("every call of team <bdi>growth</bdi> has a price."), "{none}");
}

#[tokio::test]
async fn models_are_found_by_provider_and_by_a_part_of_their_name() {
    let browser = with_queue();
    for (query, large, mini) in [
        ("", true, true),
        ("?provider=&model=", true, true),
        ("?provider=ACME&model=", true, true),
        ("?model=MINI", false, true),
        ("?provider=nobody", false, false),
        ("?model=%3Cscript%3E", false, false),
    ] {
        let body = page(&browser, &format!("/prices{query}"), SESSION).await;
        assert_eq!(body.contains("<bdi>acme-large</bdi>"), large, "{query}\n{body}");
        assert_eq!(body.contains("<bdi>acme-mini</bdi>"), mini, "{query}\n{body}");
        assert_eq!(body.contains("See all models"), !large && !mini, "{query}\n{body}");
    }
}

#[tokio::test]
async fn at_most_200_rows_are_shown_and_the_page_says_so() {
    let model = |i: usize| format!(r#"{{"id":"m{i:03}","prices":[{{"rates":{{"input":"1"}}}}]}}"#);
    let models = (0..201).map(model).collect::<Vec<_>>().join(",");
    let book = format!(r#"{{"providers":[{{"id":"acme","models":[{models}]}}]}}"#);
    let unpriced = (0..201).map(|i| ("growth", used(&format!("u{i:03}"), 1))).collect();
    let browser = over(MemoryPrices { unpriced, ..MemoryPrices::of(&book) });
    let body = page(&browser, "/prices", "viewer").await;
    assert!(body.contains("<bdi>m199</bdi>") && !body.contains("<bdi>m200</bdi>"), "{body}");
    assert!(body.contains("<bdi>u199</bdi>") && !body.contains("<bdi>u200</bdi>"), "{body}");
    assert_eq!(body.matches("the first 200 of 201").count(), 2, "{body}");
    assert!(body.contains("At most 200 rows are shown"), "{body}");
}

#[tokio::test]
async fn the_prices_are_shown_while_the_ledger_is_away() {
    let browser = over(MemoryPrices { is_down: true, ..MemoryPrices::of(sample::PRICES) });
    let body = page(&browser, "/prices", "viewer").await;
    assert!(body.contains("acme-large") && body.contains("not recorded"), "{body}");
    assert!(body.contains("The ledger cannot be read") && !body.contains("disk gone"), "{body}");
}

#[tokio::test]
async fn the_list_is_paged_and_names_the_source_of_every_rate() {
    let bench = Bench::new().await;
    let first = bench.get("/api/v1/prices?limit=1").await;
    assert_eq!(first["items"][0]["model"], "acme-large");
    assert_eq!(first["items"][0]["retires_on"], "2026-11-30");
    assert!(first["price_version"].as_str().unwrap().starts_with("pb_"));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = bench.get(&format!("/api/v1/prices?limit=1&cursor={cursor}")).await;
    assert_eq!(second["next_cursor"], Value::Null);
    let model = &second["items"][0];
    assert_eq!((&model["model"], &model["retires_on"]), (&json!("acme-mini"), &Value::Null));
    let of = |key: &str| {
        let rates = model["rates"].as_array().unwrap();
        rates.iter().find(|rate| rate["key"] == key).unwrap().clone()
    };
    let input = of("input");
    assert_eq!((&input["usd"], &input["per"]), (&json!("0.123456789012345"), &json!("1000000")));
    assert_eq!((&input["factor"], &of("output")["factor"]), (&Value::Null, &json!("1.1")));
    assert_eq!(input["layer"], "operator");
    let found = bench.get("/api/v1/prices?provider=acme&model=LARGE").await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    for bad in ["?provider=nobody", "?limit=201", "?limit=0", "?cursor=x"] {
        let address = format!("/api/v1/prices{bad}");
        let answer = bench.call(Method::GET, &address, SESSION, None).await;
        assert!(answer.status.is_client_error(), "{bad}: {}", answer.body);
    }
}

async fn cost(bench: &Bench, kind: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/api/v1/prices/cost")
        .header(AUTHORIZATION, format!("Bearer {SESSION}"))
        .header(CONTENT_TYPE, kind);
    bench.browser.send(request.body(body.into()).unwrap()).await
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const ASKED: &str = r#"{"id":"<1>","provider":"acme","model":"acme-large","at":"2026-11-01","meters":{"input.text":3,"output.text":1}}"#;

#[tokio::test]
async fn one_object_comes_back_with_its_exact_cost_however_it_is_laid_out() {
    let bench = Bench::new().await;
    let pretty = serde_json::from_str::<Value>(ASKED).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    for body in [ASKED.to_owned(), pretty, format!("\u{feff}\n{ASKED}\n\n")] {
        let answer = cost(&bench, "application/json; charset=utf-8", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json");
        let costed: Value = serde_json::from_str(&answer.body).unwrap();
        // 3 × 2.50 and 1 × 10 for a million, and 0.01 for the request.
        assert_eq!(costed["cost_usd"], "0.0100175", "{costed}");
        assert_eq!((&costed["id"], &costed["model_id"]), (&json!("<1>"), &json!("acme-large")));
        assert!(costed["price_version"].as_str().unwrap().starts_with("pb_"));
    }
    let wrong = cost(&bench, "application/json", "{\"model\":").await;
    assert_eq!(wrong.status, StatusCode::OK);
    let wrong: Value = serde_json::from_str(&wrong.body).unwrap();
    assert!(wrong["error"].is_string() && wrong["cost_usd"].is_null(), "{wrong}");
}

#[tokio::test]
async fn the_same_line_costs_the_same_over_http_as_anywhere() {
    let bench = Bench::new().await;
    let book = MemoryPrices::of(sample::PRICES).book;
    let answer = cost(&bench, "application/x-ndjson", ASKED).await;
    assert_eq!(answer.body, format!("{}\n", finops::cost_line(&book, ASKED, NOW)));
}

#[tokio::test]
async fn a_line_that_is_wrong_spoils_no_other() {
    let bench = Bench::new().await;
    let mut body =
        format!("{ASKED}\n\n{{\"provider\":\"nobody\",\"model\":\"x\",\"meters\":{{}}}}\r\n");
    body.push_str("nonsense\n");
    let mut body = body.into_bytes();
    body.extend_from_slice(b"{\"model\":\"\xff\"}\n");
    body.extend_from_slice(ASKED.as_bytes());
    for kind in ["application/x-ndjson", "application/json"] {
        let found = lines(&cost(&bench, kind, body.clone()).await);
        let is_costed: Vec<bool> = found.iter().map(|line| line["cost_usd"].is_string()).collect();
        assert_eq!(is_costed, [true, false, false, false, true], "{kind} {found:?}");
        assert!(found[1..4].iter().all(|line| line["error"].is_string()), "{kind} {found:?}");
    }
}

#[tokio::test]
async fn a_thousand_lines_or_a_mebibyte_are_costed_and_not_one_more() {
    let bench = Bench::new().await;
    let mut body = String::new();
    for _ in 0..1_000 {
        writeln!(body, "{ASKED}").unwrap();
    }
    assert_eq!(lines(&cost(&bench, "application/x-ndjson", body.clone()).await).len(), 1_000);
    body.push_str(ASKED);
    let many = cost(&bench, "application/x-ndjson", body).await;
    assert_eq!(many.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(many.body.contains("1,000 lines"), "{}", many.body);
    for (bytes, status) in
        [(1 << 20, StatusCode::OK), ((1 << 20) + 1, StatusCode::PAYLOAD_TOO_LARGE)]
    {
        let padded = format!("{ASKED}{}", " ".repeat(bytes - ASKED.len()));
        let answer = cost(&bench, "application/json", padded).await;
        assert_eq!(answer.status, status, "{bytes}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_json_or_empty_or_a_stranger_s_is_refused() {
    let bench = Bench::new().await;
    let text = cost(&bench, "text/plain", ASKED).await;
    assert_eq!(text.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", text.body);
    for kind in ["application/json", "application/x-ndjson"] {
        let empty = cost(&bench, kind, " \n").await;
        assert_eq!(empty.status, StatusCode::BAD_REQUEST, "{}", empty.body);
    }
    let body = serde_json::from_str(ASKED).unwrap();
    let address = "/api/v1/prices/cost";
    let stranger = bench.call(Method::POST, address, "nobody", Some(&body)).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let forged = bench.post_with_cookie(address, &[], &body).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "a cookie alone sends nothing");
}

/// The prices of the catalog.
#[derive(Debug)]
struct Catalog(Arc<PriceBook>);

impl console::adapters::Prices for Catalog {
    fn book(&self) -> Arc<PriceBook> {
        Arc::clone(&self.0)
    }

    fn billed_as(&self, _: &str) -> Option<String> {
        None
    }

    fn targets(&self) -> Vec<console::prices::RouteTarget> {
        Vec::new()
    }
}

#[tokio::test]
async fn the_queue_of_the_real_table_is_that_of_the_team_that_asks() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock(NOW));
    let options = LakeOptions::new(dir.path().join("lake"));
    let lake = Lake::open(options, Arc::clone(&clock)).await.unwrap();
    let mut other = row(1, "globex", None);
    other.event.attribution.team = Some("growth".to_owned());
    other.event.model.resolved = Some("mystery-2".to_owned());
    let rows = [row(0, "globex", None), other, row(2, "globex", Some("1"))];
    lake.commit("n/e", &rows, 2).await.unwrap();
    let url = format!("sqlite:{}", dir.path().join("store.db").display());
    let kept = Store::open(&url, clock).await.unwrap().prices();
    let book = Arc::new(PriceBook::embedded().unwrap());
    let prices = LakePrices::new(lake, kept, Arc::new(Catalog(Arc::clone(&book))));
    assert_eq!(prices.recorded(book.version()).await.unwrap(), []);
    for (team, models) in [
        (None, &["mystery-1", "mystery-2"][..]),
        (Some("search"), &["mystery-1"]),
        (Some("growth"), &["mystery-2"]),
        (Some("platform"), &[]),
    ] {
        let team = team.map(|team| team.parse().unwrap());
        let day = 86_400_000_000;
        let span = Span { from: NOW.plus_micros(-3 * day), to: NOW.plus_micros(day) };
        let found = prices.unpriced(span, team.as_ref()).await.unwrap();
        let mut named: Vec<&str> =
            found.iter().map(|used| used.model.as_deref().unwrap()).collect();
        named.sort_unstable();
        assert_eq!(named, models, "{team:?}");
        assert!(found.iter().all(|used| (used.requests, used.tokens) == (1, 120)), "{found:?}");
    }
}
