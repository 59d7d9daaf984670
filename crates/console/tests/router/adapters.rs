//! The same pages over a real usage table and a real store.

use std::sync::Arc;

use axum::http::StatusCode;
use console::adapters::{LakeLedger, StoreAccess};
use console::{ConsoleSettings, ConsoleState, Sources};
use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, EventIds, Meter, Meters, ModelNames,
    Outcome, Privacy, Times, UsageEvent, UsageSource,
};
use lake::{Lake, LakeOptions, LakeRow};
use store::{Actor, Role, Store};
use units::{BillingZone, Clock, RequestId, Usd};

use crate::browser::{Answer, Browser, PUBLIC_URL};
use crate::sample::NOW;
use crate::sources::StoppedClock;

/// A request of team search two hours ago; the model has no price when there is no cost.
pub(crate) fn row(seq: u64, customer: &str, cost: Option<&str>) -> LakeRow {
    let received_us = NOW.plus_micros(-7_200_000_000);
    let cost: Option<Usd> = cost.map(|cost| cost.parse().unwrap());
    let model = if cost.is_some() { "gpt-5.2" } else { "mystery-1" };
    let event = UsageEvent {
        ids: EventIds {
            request_id: RequestId::from_u128(u128::from(seq) + 1),
            attempt: 1,
            revision: 0,
            trace_id: None,
            session_id: None,
            parent_id: None,
        },
        times: Times { received_us, first_byte_us: None, ended_us: received_us },
        attribution: Attribution {
            organisation: "acme".to_owned(),
            team: Some("search".to_owned()),
            customer: Some(customer.to_owned()),
            feature: Some("answers".to_owned()),
            ..Attribution::default()
        },
        decision: Decision { is_final: true, ..Decision::default() },
        model: ModelNames { resolved: Some(model.to_owned()), ..ModelNames::default() },
        call: Call {
            endpoint: "chat".to_owned(),
            dialect_in: None,
            dialect_out: None,
            is_stream: false,
            request_bytes: 0,
            response_bytes: 0,
        },
        outcome: Outcome::default(),
        meters: Meters::NONE.with(Meter::InputText, 100).with(Meter::OutputText, 20),
        cost: Cost {
            list: cost,
            contract: cost,
            billed: cost,
            price_version: cost.map(|_| "pb_0123456789abcdef".to_owned()),
            rate_set: None,
            usage_source: UsageSource::Provider,
            ..Cost::default()
        },
        cache: Cache { state: CacheState::Off, saved: None },
        privacy: Privacy::default(),
        source: "tollgate".to_owned(),
    };
    LakeRow { event, node_id: "n".into(), epoch: "e".into(), seq }
}

/// A console over a table of three requests, billing in `zone`, and the session of a fresh login.
async fn console_in(zone: &str, dir: &std::path::Path) -> (Browser, String) {
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock(NOW));
    let zone = BillingZone::named(zone).unwrap();
    let lake = Lake::open(LakeOptions::new(dir.join("lake")), clock.clone()).await.unwrap();
    let rows = [
        row(0, "globex", Some("1.234567890123")),
        row(1, "=1+1", Some("0.000000000001")),
        row(2, "globex", None),
    ];
    lake.commit("n/e", &rows, 2).await.unwrap();
    let address = format!("sqlite:{}", dir.join("store.db").display());
    let store = Store::open(&address, clock.clone()).await.unwrap();
    let link = store.login_links().create(Role::Finance, None, &Actor::Cli).await.unwrap();
    let organisation = "acme".parse().unwrap();
    let ledger = LakeLedger::new(lake, organisation, zone.clone(), clock.clone());
    let state = ConsoleState::new(
        Sources::new(Arc::new(ledger), Arc::new(StoreAccess::new(store))),
        ConsoleSettings {
            public_url: PUBLIC_URL.parse().unwrap(),
            organisation: "Acme".to_owned(),
            zone,
        },
        clock,
    );
    let browser = Browser::of(state);
    let url = console::access::login_url(&PUBLIC_URL.parse().unwrap(), &link);
    let path = url.expose().strip_prefix(PUBLIC_URL).unwrap().to_owned();
    let answer = browser.submit(&path, Some(PUBLIC_URL), None, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let again = browser.submit(&path, Some(PUBLIC_URL), None, "").await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "the link works once");
    let session = answer.session().unwrap().to_owned();
    (browser, session)
}

async fn opened(browser: &Browser, session: &str, address: &str) -> Answer {
    let answer = browser.open_with(address, session).await;
    assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.body);
    answer
}

#[tokio::test]
async fn pages_over_the_real_table_carry_its_digits_in_any_zone() {
    for zone in ["UTC", "Asia/Kolkata"] {
        let dir = tempfile::tempdir().unwrap();
        let (browser, session) = console_in(zone, dir.path()).await;
        let overview = opened(&browser, &session, "/").await.body;
        assert!(overview.contains("<data value=\"1.234567890124\">"), "{zone}\n{overview}");
        assert!(overview.contains("mystery-1"), "{zone}");
        assert!(overview.contains("Signed in as finance"), "{zone}");
        // The day's bar, the calendar's cell and the week's total.
        assert!(overview.matches("1.234567890124").count() >= 3, "{zone}\n{overview}");

        let index = opened(&browser, &session, "/statements").await.body;
        assert!(index.contains("/statements/team/search/2026-11"), "{zone}\n{index}");

        let address = "/statements/team/search/2026-11";
        let page = opened(&browser, &session, address).await.body;
        let csv = opened(&browser, &session, &format!("{address}.csv")).await.body;
        for digits in ["1.234567890123", "0.000000000001", "1.234567890124"] {
            assert!(page.contains(&format!("<data value=\"{digits}\">")), "{zone}\n{page}");
            assert!(csv.contains(&format!(",{digits},")), "{zone}\n{csv}");
        }
        assert!(page.contains("pb_0123456789abcdef") && page.contains("1 request without a price"));
        assert!(csv.contains("'=1+1"), "{csv}");
        let none = browser.open_with("/statements/team/search/2026-09", &session).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        assert_eq!(browser.open_as_stranger("/readyz").await.body, "ready\n");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_in_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let (browser, session) = console_in("UTC", dir.path()).await;
    let page = opened(&browser, &session, "/statements").await.body;
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("csrf={csrf}");
    let left = browser.submit("/logout", Some(PUBLIC_URL), Some(&session), &form).await;
    assert_eq!(left.status, StatusCode::SEE_OTHER);
    let after = browser.open_with("/", &session).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}
