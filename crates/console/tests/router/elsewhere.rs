//! Prices held against traffic: what-if, models that end, invoice drift, and the queue, as pages, files
//! and API.

use axum::http::StatusCode;
use console::prices::RouteTarget;
use events::{Meter, Meters};
use jiff::civil::date;
use lake::{CallTerms, ModelHolder, ModelUsed, ReportedCost, WhatIfGroup};
use serde_json::Value;
use store::Role;
use units::{KeyId, Usd};

use crate::browser::{Answer, Browser, PUBLIC_URL};
use crate::sample::{self, HOSTILE, usd};
use crate::sources::{MemoryPrices, MemoryUsage};

fn group(model: &str, requests: u64, tokens: u64, cost: &str) -> WhatIfGroup {
    WhatIfGroup {
        provider: Some("labs".to_owned()),
        model: Some(model.to_owned()),
        terms: CallTerms::default(),
        size: 0,
        requests,
        input_tokens: (tokens / requests.max(1), tokens / requests.max(1)),
        meters: Meters::NONE.with(Meter::InputText, tokens).with(Meter::OutputText, 1_000),
        duration_us: 1,
        cost: usd(cost),
        unpriced: 0,
    }
}

fn used(model: &str, calls: u64, cost: &str) -> ModelUsed {
    ModelUsed {
        provider: Some("labs".to_owned()),
        model: Some(model.to_owned()),
        calls,
        cost: usd(cost),
        unpriced: 0,
    }
}

fn holder(team: &str, key: u128, cost: &str) -> ModelHolder {
    ModelHolder {
        used: used("acme-large", 5, cost),
        route: Some("best".to_owned()),
        team: Some(team.to_owned()),
        key: Some(KeyId::from_u128(key)),
    }
}

fn reported(model: &str, day: i8, reported: &str, computed: &str) -> ReportedCost {
    ReportedCost {
        day: date(2026, 11, day),
        provider: Some("labs".to_owned()),
        model: Some(model.to_owned()),
        requests: 9,
        unpriced: 0,
        reported: usd(reported),
        computed: usd(computed),
    }
}

/// The sample book, with the replacement of the model that ends, and usage of two teams.
fn prices() -> MemoryPrices {
    let next = r#"{"id": "acme-next", "prices": [{"rates": {"input": "1", "output": "5"}}]},
        {"id": "claude-like-claude", "prices": [{"rates": {"input": "1", "output": "5"}}]},
        {"id": "acme-mini""#;
    let book = sample::PRICES.replacen("{\"id\": \"acme-mini\"", next, 1);
    let target = |route: &str| RouteTarget {
        route: route.to_owned(),
        provider: "labs".to_owned(),
        model: "acme-large".to_owned(),
    };
    MemoryPrices {
        targets: vec![target("best"), target("other"), target("best")],
        usage: MemoryUsage {
            traffic: vec![
                ("search", group("acme-large", 10, 1_000_000, "2.50")),
                ("growth", group(HOSTILE, 2, 4_000, "0.75")),
            ],
            holders: vec![holder("search", 7, "2.50"), holder("growth", 8, "0.75")],
            reported: vec![
                ("search", reported("acme-large", 20, "1.00", "1.00")),
                ("search", reported("acme-large", 21, "1.025", "1.00")),
                ("growth", reported(HOSTILE, 21, "3.00", "3.00")),
            ],
            ..MemoryUsage::default()
        },
        ..MemoryPrices::of(&book)
    }
}

fn browser() -> Browser {
    over(prices())
}

fn over(prices: MemoryPrices) -> Browser {
    let browser = Browser::with(sample::ledger(), PUBLIC_URL, |sources| {
        sources.with_prices(std::sync::Arc::new(prices))
    });
    browser.access.add_role("viewer", Role::Viewer, None);
    browser.access.add_role("analyst", Role::Analyst, None);
    browser.access.add_role("growth", Role::Analyst, Some("growth"));
    browser
}

async fn page(browser: &Browser, address: &str, session: &str) -> String {
    let answer = browser.open_with(address, session).await;
    assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.body);
    assert!(!answer.body.contains("<script>alert"), "{address}");
    assert!(!answer.body.contains("style="), "{address}");
    assert_eq!(answer.body.matches("<table").count(), answer.body.matches("<caption>").count());
    answer.body
}

async fn json(browser: &Browser, address: &str, session: &str) -> Value {
    let answer: Answer = browser.open_with(address, session).await;
    assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn what_if_asks_first_and_offers_questions_to_begin_with() {
    let body = page(&browser(), "/prices/what-if", "viewer").await;
    assert!(body.contains("1 Oct 2026 to 31 Oct 2026"), "{body}");
    assert!(body.contains("href=\"/prices/what-if?processing=batch\""), "{body}");
    assert!(body.contains("<option value=\"acme/acme-next\">"), "{body}");
    assert!(!body.contains("<svg class=\"plot\""), "{body}");
}

#[tokio::test]
async fn what_if_tells_the_same_figures_as_page_file_and_api() {
    let browser = browser();
    // 1 M input at $1 and 1,000 output at $5 a million; and 4,000 with 1,000.
    let expected = usd("1.005") + usd("0.009");
    let query = "as=acme-next&as=acme%2Facme-next";
    let body = page(&browser, &format!("/prices/what-if?{query}"), "analyst").await;
    assert!(body.contains("<svg class=\"plot\"") && body.contains("As billed"), "{body}");
    assert_eq!(
        body.matches("acme/acme-next</bdi>, by model").count(),
        1,
        "named twice, shown once"
    );
    let file = browser.open_with(&format!("/prices/what-if.csv?{query}"), "analyst").await.body;
    let told = json(&browser, "/api/v1/prices/what-if?models=acme-next,", "viewer").await;
    let total = &told["alternatives"][0]["total"];
    assert_eq!(told["alternatives"][0]["model"], "acme-next");
    let line = file.lines().find(|line| line.contains(",total,")).unwrap();
    let low = total["would_cost"]["low"]["amount"].as_str().unwrap();
    let middle = total["would_cost"]["expected"]["amount"].as_str().unwrap();
    let high = total["would_cost"]["high"]["amount"].as_str().unwrap();
    assert_eq!(total["billed"]["amount"], "3.25");
    assert!(line.contains(&format!(",12,3.25,{middle},{low},{high},")), "{line} {total}");
    for amount in [low, middle, high] {
        assert!(body.contains(&format!("<data value=\"{amount}\">")), "{amount}\n{body}");
    }
    // Nobody measured these vocabularies: the expected is as counted, within a band.
    assert_eq!(middle.parse::<Usd>().unwrap(), expected);
    let amount = |text: &str| text.parse::<Usd>().unwrap();
    assert!(amount(low) < expected && expected < amount(high), "{total}");
    assert_eq!(total["would_cost"]["is_exact"], false);
}

#[tokio::test]
async fn terms_alone_leave_every_call_where_it_was_and_are_exact() {
    let told = json(&browser(), "/api/v1/prices/what-if?cached=0", "viewer").await;
    let one = &told["alternatives"][0];
    assert_eq!((&one["title"], &one["model"]), (&"As routed, nothing cached".into(), &Value::Null));
    assert_eq!(one["total"]["would_cost"]["is_exact"], true);
    // What no price is known of is counted, and not free.
    assert_eq!((&one["total"]["calls"], &one["total"]["unknown_calls"]), (&12.into(), &2.into()));
}

#[tokio::test]
async fn what_if_sees_only_the_traffic_of_the_team_that_asks() {
    let browser = browser();
    let told = json(&browser, "/api/v1/prices/what-if?models=acme-next", "growth").await;
    assert_eq!(told["alternatives"][0]["total"]["calls"], 2);
    let body = page(&browser, "/prices/what-if?as=acme-next", "growth").await;
    assert!(!body.contains("<bdi>acme-large</bdi>") && body.contains("&#60;script&#62;"), "{body}");
}

#[tokio::test]
async fn mistakes_are_told_where_they_were_made_and_to_programs_as_problems() {
    let browser = browser();
    for (query, words) in [
        ("as=no-such-model", "knows no model “no-such-model”"),
        ("as=a&as=b&as=c&as=d&as=e", "At most 4 models"),
        ("processing=batch&range=fortnight", "range is not known"),
        ("cached=101", "no share"),
        ("as=acme-next&f=teams&op=is&v=x", "“teams” is no dimension"),
    ] {
        let answer = browser.open_with(&format!("/prices/what-if?{query}"), "viewer").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.body);
        assert!(answer.body.contains(words), "{query}: {}", answer.body);
        assert!(answer.body.contains("name=\"as\""), "the form stays");
    }
    for query in ["", "?models=nobody", "?models=acme-next&cached=101", "?models=a&from=x"] {
        let answer = browser.open_with(&format!("/api/v1/prices/what-if{query}"), "viewer").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.body);
    }
    let few = browser.open_with("/prices/what-if.csv?as=acme-next", "viewer").await;
    assert_eq!(few.status, StatusCode::FORBIDDEN, "{}", few.body);
}

#[tokio::test]
async fn models_that_end_name_routes_keys_and_what_the_replacement_would_have_cost() {
    let browser = browser();
    let book = page(&browser, "/prices", "viewer").await;
    assert!(book.contains("Models in use that end") && book.contains("8 days left"), "{book}");
    let body = page(&browser, "/prices/retiring", "analyst").await;
    for shown in [
        "<bdi>acme-large</bdi>",
        "<time datetime=\"2026-11-30\">30 Nov 2026</time>",
        "8 days left",
        "<bdi>acme-next</bdi>",
        "<bdi>best</bdi>, <bdi>other</bdi>",
        "<data value=\"3.25\">",
        "<code>key_",
        "f=model&#38;op=is&#38;v=acme-large&#38;as=acme-next",
    ] {
        assert!(body.contains(shown), "{shown}\n{body}");
    }
    let viewers = page(&browser, "/prices/retiring", "viewer").await;
    assert!(!viewers.contains("key_0") && viewers.contains("<bdi>growth</bdi>"), "{viewers}");
    let told = json(&browser, "/api/v1/prices/retiring", "analyst").await;
    let model = &told["items"][0];
    assert_eq!((&model["model"], &model["days_left"]), (&"acme-large".into(), &8.into()));
    assert_eq!(model["routes"], serde_json::json!(["best", "other"]));
    assert_eq!((&model["calls"], &model["cost"]["amount"]), (&10.into(), &"3.25".into()));
    assert_eq!(model["on_replacement"]["expected"]["amount"], "1.005");
    assert_eq!(model["keys"].as_array().unwrap().len(), 2);
    let own = json(&browser, "/api/v1/prices/retiring", "growth").await;
    assert_eq!(own["items"][0]["keys"].as_array().unwrap().len(), 1, "{own}");
    let without = json(&browser, "/api/v1/prices/retiring", "viewer").await;
    assert_eq!(without["items"][0]["keys"], Value::Null, "{without}");
    let none = over(MemoryPrices::of(sample::PRICES));
    let empty = page(&none, "/prices/retiring", "viewer").await;
    assert!(
        empty.contains("No model ends that is known of") && empty.contains("retires"),
        "{empty}"
    );
}

#[tokio::test]
async fn drift_is_told_by_model_and_day_with_a_verdict_beside_its_colour() {
    let browser = browser();
    let body = page(&browser, "/prices/drift", "analyst").await;
    for shown in [
        "1 model differs by more than 0.1%",
        "<span class=\"badge over\">Differs</span>",
        "<span class=\"badge within\">Agrees</span>",
        "+$0.02",
        "<data value=\"5.025\">",
        "href=\"/prices/drift.csv\"",
    ] {
        assert!(body.contains(shown), "{shown}\n{body}");
    }
    let told = json(&browser, "/api/v1/prices/drift?limit=2", "viewer").await;
    assert_eq!(told["items"][1]["verdict"], "differs");
    assert_eq!(told["items"][1]["difference"]["amount"], "0.025");
    let cursor = told["next_cursor"].as_str().unwrap();
    let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    let next = format!("/api/v1/prices/drift?limit=2&cursor={cursor}");
    let rest = json(&browser, &next, "viewer").await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
    let file = browser.open_with("/prices/drift.csv", "analyst").await.body;
    assert!(file.contains("2026-11-21,labs,acme-large,9,0,1.025,1.00,0.025,differs\r\n"), "{file}");
    let own = page(&browser, "/prices/drift", "growth").await;
    assert!(own.contains("Every model agrees within 0.1%"), "{own}");
    assert!(!own.contains("acme-large"), "{own}");
    let none = over(MemoryPrices::of(sample::PRICES));
    let empty = page(&none, "/prices/drift", "viewer").await;
    assert!(empty.contains("No answer named a cost in") && empty.contains("OpenRouter"), "{empty}");
}

#[tokio::test]
async fn the_queue_is_paged_over_the_api() {
    let entry = |model: &str, requests| console::prices::UnpricedUse {
        provider: None,
        billed_as: None,
        model: Some(model.to_owned()),
        requests,
        tokens: 7,
        first_day: date(2026, 11, 1),
        last_day: date(2026, 11, 22),
    };
    let unpriced = vec![("search", entry("a", 9)), ("growth", entry(HOSTILE, 3))];
    let browser = over(MemoryPrices { unpriced, ..prices() });
    let first = json(&browser, "/api/v1/prices/unpriced?limit=1", "viewer").await;
    assert_eq!(
        (&first["items"][0]["model"], &first["items"][0]["calls"]),
        (&"a".into(), &9.into())
    );
    assert_eq!(first["items"][0]["first_day"], "2026-11-01");
    let cursor = first["next_cursor"].as_str().unwrap();
    let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    let next = format!("/api/v1/prices/unpriced?limit=1&cursor={cursor}");
    let second = json(&browser, &next, "viewer").await;
    assert_eq!(
        (&second["items"][0]["model"], &second["next_cursor"]),
        (&HOSTILE.into(), &Value::Null)
    );
    let own = json(&browser, "/api/v1/prices/unpriced", "growth").await;
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    for bad in ["?limit=0", "?cursor=x"] {
        let answer = browser.open_with(&format!("/api/v1/prices/unpriced{bad}"), "viewer").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}
