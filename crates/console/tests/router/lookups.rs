//! Single requests and incidents: what is shown of each, to whom, and what can be done about it.

use axum::http::StatusCode;
use units::{DeliveryId, IncidentId, RequestId};

use crate::browser::{PUBLIC_URL, SESSION};
use crate::exploring::console;
use crate::incidents::{DEAD, DRIFT, RUNAWAY, STALL, THRESHOLD};
use crate::usage::{self, FAILED_OVER};

fn request(bits: u128) -> String {
    format!("/requests/{}", RequestId::from_u128(bits))
}

fn incident(bits: u128) -> String {
    format!("/alerts/{}", IncidentId::from_u128(bits))
}

#[tokio::test]
async fn requests_are_paged_to_the_end_without_repeating_one() {
    let (browser, _) = console(usage::usage());
    let mut address = "/requests?range=7d&f=team&op=is&v=search".to_owned();
    let mut ids = Vec::new();
    loop {
        let page = browser.open(&address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}");
        let links = page.body.split("href=\"/requests/req_").skip(1);
        ids.extend(links.map(|part| part.split('"').next().unwrap().to_owned()));
        let older = page.body.split("<a ").find(|part| part.contains("rel=\"next\""));
        let Some(older) = older else { break };
        address = older.split('"').nth(1).unwrap().replace("&#38;", "&");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((all, ids.len()), (54, 54));
    let bad = browser.open("/requests?cursor=nonsense").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(bad.body.contains("not one of this list"), "{}", bad.body);
}

#[tokio::test]
async fn a_request_shows_every_attempt_and_lines_that_add_up_to_its_cost() {
    let (browser, _) = console(usage::usage());
    let page = browser.open(&request(FAILED_OVER)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for shown in [
        "Attempt 1",
        "Attempt 2",
        "upstream_timeout",
        "per million",
        "<code>input.text</code>",
        "pb_",
    ] {
        assert!(page.body.contains(shown), "{shown}\n{}", page.body);
    }
    let unpriced = (0..40).map(|i| FAILED_OVER + i);
    let mut has_unpriced = false;
    for id in unpriced {
        let page = browser.open(&request(id)).await.body;
        has_unpriced |= page.contains("no price was known") || page.contains("No price was known");
    }
    assert!(has_unpriced, "a request without a price says so");
}

#[tokio::test]
async fn hostile_tags_are_text_and_long_ones_are_clipped() {
    let (browser, _) = console(usage::usage());
    let page = browser.open(&request(FAILED_OVER)).await.body;
    assert!(page.contains("&#60;script&#62;"), "{page}");
    for broken_out in ["<script>", "\" onload=\"", "style="] {
        assert!(!page.contains(broken_out), "{broken_out}");
    }
    assert!(page.len() < 60_000, "a tag of 100,000 bytes must not be written out: {}", page.len());
}

#[tokio::test]
async fn what_is_another_team_s_is_not_found() {
    let (browser, alerts) = console(usage::usage());
    let theirs = [request(FAILED_OVER), incident(RUNAWAY), incident(STALL), incident(DRIFT)];
    for address in theirs.iter().map(String::as_str).chain(["/requests/req_x", "/alerts/inc_x"]) {
        let answer = browser.open_with(address, "growth-admin").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}");
    }
    assert_eq!(
        browser.open_with(&incident(THRESHOLD), "growth-admin").await.status,
        StatusCode::OK
    );
    let list = browser.open_with("/alerts", "growth-admin").await.body;
    assert!(!list.contains("search") && !list.contains("finops"), "{list}");
    let form = "csrf=csrf-of-growth-admin";
    for address in
        [format!("{}/acknowledge", incident(RUNAWAY)), "/alerts/channels/finops/test".to_owned()]
    {
        let answer = browser.submit(&address, Some(PUBLIC_URL), Some("growth-admin"), form).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}");
    }
    assert!(alerts.deeds().is_empty());
}

#[tokio::test]
async fn an_incident_s_effects_add_up_and_lead_to_its_requests() {
    let (browser, _) = console(usage::usage());
    let page = browser.open(&incident(RUNAWAY)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let table = page.body.split("<table class=\"effects\">").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    let values = table.split("<data value=\"").skip(1);
    let values: Vec<units::Usd> =
        values.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect();
    let [before, volume, mix, price, after, change] = values[..] else { unreachable!("{table}") };
    assert_eq!(before + volume + mix + price, after);
    assert_eq!(volume + mix + price, change);
    assert!(page.body.contains(&format!("href=\"{}\"", request(1))), "{}", page.body);
    assert!(!page.body.contains("hooks.example.test") && !page.body.contains("<script>"));
}

#[tokio::test]
async fn an_incident_of_a_reported_cost_says_what_differs_and_what_to_do() {
    let (browser, _) = console(usage::usage());
    let page = browser.open(&incident(DRIFT)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for shown in [
        "Reported cost differs",
        "<bdi>$102.50</bdi>",
        "<bdi>$100.00</bdi>",
        "<bdi>$2.50 (+2.4%)</bdi>",
        "1,042 since 11 Nov 2026",
        "<dt>Since</dt><dd><time datetime=\"2026-11-11T",
        "href=\"/prices/drift\"",
        "<code>tollgate price show acme-large --provider labs</code>",
        "tollgate price rerate --provider labs --model acme-large --from 2026-11-11",
        "f=provider&#38;op=is&#38;v=labs&#38;f=model&#38;op=is&#38;v=acme-large",
        "from=2026-11-11",
        &format!("href=\"{}\"", request(1)),
    ] {
        assert!(page.body.contains(shown), "{shown}\n{}", page.body);
    }
    let list = browser.open("/alerts").await.body;
    assert!(
        list.contains("Reported cost differs") && list.contains("<data value=\"2.50\">"),
        "{list}"
    );
}

#[tokio::test]
async fn figures_of_another_release_are_shown_as_they_are() {
    let (browser, _) = console(usage::usage());
    let page = browser.open(&incident(STALL)).await.body;
    assert!(page.contains("another release") && page.contains("84"), "{page}");
}

#[tokio::test]
async fn dead_letters_are_told_and_sent_again() {
    let (browser, alerts) = console(usage::usage());
    let list = browser.open("/alerts").await.body;
    assert!(list.contains("One message was given up.") && list.contains("410"), "{list}");
    assert!(!list.contains("hooks.example.test"), "a channel's URL is never shown");
    let dead = DeliveryId::from_u128(DEAD);
    let replay = format!("/alerts/deliveries/{dead}/replay");
    let form = format!("csrf=csrf-of-{SESSION}");
    for (address, form) in [
        (replay.clone(), form.clone()),
        (format!("{}/acknowledge", incident(RUNAWAY)), form.clone()),
        (format!("{}/expected", incident(RUNAWAY)), format!("{form}&hours=24")),
        (format!("{}/expected", incident(RUNAWAY)), format!("{form}&hours=0")),
        ("/alerts/channels/finops/test".to_owned(), form.clone()),
    ] {
        let answer = browser.submit(&address, Some(PUBLIC_URL), Some(SESSION), &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address}");
    }
    let runaway = IncidentId::from_u128(RUNAWAY);
    assert_eq!(
        alerts.deeds(),
        [
            format!("replay {dead}"),
            format!("acknowledge {runaway}"),
            format!("expect {runaway} 2026-11-23T16:30:00Z"),
            format!("expect {runaway} "),
            "test finops".to_owned(),
        ]
    );
    for (address, form, status) in [
        (replay, "csrf=wrong".to_owned(), StatusCode::FORBIDDEN),
        (
            format!("{}/expected", incident(RUNAWAY)),
            format!("{form}&hours=99999"),
            StatusCode::BAD_REQUEST,
        ),
        ("/alerts/channels/nobody/test".to_owned(), form.clone(), StatusCode::NOT_FOUND),
    ] {
        let answer = browser.submit(&address, Some(PUBLIC_URL), Some(SESSION), &form).await;
        assert_eq!(answer.status, status, "{address}");
    }
}
