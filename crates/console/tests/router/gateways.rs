//! What gateways that run apart ask: who is let in, what is spoken, and how much is borne.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use console::{GatewayLink, Link, LinkError};
use policy::{LeaseReply, LeaseReport, PROTOCOL, SNAPSHOT_FORMAT, SnapshotDocument};
use tokio::sync::Semaphore;
use units::Secret;

use crate::browser::{Answer, Browser, PUBLIC_URL, SESSION};
use crate::sample::{self, NOW};

const SECRET: &str = "link-secret";

/// A link with one snapshot; who has it already waits for ever when `wait_ms` is not 0.
struct MemoryLink {
    document: Arc<SnapshotDocument>,
    is_away: bool,
    /// A permit for each poll that waits.
    waiting: Arc<Semaphore>,
}

impl Default for MemoryLink {
    fn default() -> Self {
        let document = SnapshotDocument {
            format: SNAPSHOT_FORMAT,
            version: 3,
            compiled_at: NOW,
            organisation: "acme".parse().unwrap(),
            zone: "UTC".to_owned(),
            keys: Vec::new(),
            routes: Vec::new(),
            providers: Vec::new(),
            budgets: Vec::new(),
            prices: None,
            price_layers: None,
        };
        Self { document: Arc::new(document), is_away: false, waiting: Arc::new(Semaphore::new(0)) }
    }
}

#[async_trait]
impl GatewayLink for MemoryLink {
    async fn snapshot(
        &self,
        _node: &str,
        after: Option<&str>,
        wait: Duration,
    ) -> Option<Arc<SnapshotDocument>> {
        if after != Some(self.document.tag().as_str()) {
            return Some(Arc::clone(&self.document));
        }
        if !wait.is_zero() {
            self.waiting.add_permits(1);
            std::future::pending::<()>().await;
        }
        None
    }

    async fn leases(&self, report: LeaseReport) -> Result<LeaseReply, LinkError> {
        if self.is_away {
            return Err(LinkError::Away("database gone".to_owned()));
        }
        assert_eq!(report.node, "gw-1");
        Ok(LeaseReply { protocol: PROTOCOL, now: NOW, ttl_ms: 15_000, grants: Vec::new() })
    }
}

fn console(link: MemoryLink) -> Browser {
    let link = Link::new(Arc::new(link), Secret::new(SECRET.to_owned()));
    Browser::with(sample::ledger(), PUBLIC_URL, |sources| sources.with_link(link))
}

fn gateway(request: axum::http::request::Builder) -> axum::http::request::Builder {
    request
        .header("authorization", format!("Bearer {SECRET}"))
        .header("x-tollgate-protocol", PROTOCOL.to_string())
}

async fn poll(browser: &Browser, query: &str) -> Answer {
    let request = gateway(Request::get(format!("/gateway/v1/snapshot?node=gw-1{query}")));
    browser.send(request.body(Body::empty()).unwrap()).await
}

async fn report(browser: &Browser, body: String) -> Answer {
    let request = gateway(Request::post("/gateway/v1/leases"));
    let request = request.header("content-type", "application/json");
    browser.send(request.body(Body::from(body)).unwrap()).await
}

fn lease_report(padding: usize) -> String {
    serde_json::json!({
        "protocol": PROTOCOL, "node": "gw-1", "epoch": "0193", "sent_at": NOW, "accounts": [],
        "unfinished": [], "is_final": false, "a_field_of_tomorrow": "x".repeat(padding),
    })
    .to_string()
}

#[tokio::test]
async fn a_gateway_gets_the_snapshot_it_does_not_have_and_its_tag() {
    let (browser, link) = (console(MemoryLink::default()), MemoryLink::default());
    let tag = link.document.tag();
    for query in ["", "&after=snap_0000000000000000&wait_ms=25000"] {
        let answer = poll(&browser, query).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.header("etag"), format!("\"{tag}\""));
        let document: SnapshotDocument = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(document.tag(), tag);
    }
    let none = poll(&browser, &format!("&after={tag}")).await;
    assert_eq!((none.status, none.body.as_str()), (StatusCode::NO_CONTENT, ""));
}

#[tokio::test]
async fn only_the_whole_secret_lets_a_gateway_in_and_no_session_does() {
    let browser = console(MemoryLink::default());
    for shown in
        ["", "Bearer", "Bearer ", "Bearer link-secre", "Bearer link-secret2", "Basic link-secret"]
    {
        for address in ["/gateway/v1/snapshot", "/gateway/v1/leases"] {
            let method = if address.ends_with("leases") { "POST" } else { "GET" };
            let request = Request::builder().method(method).uri(address);
            let request = request
                .header("authorization", shown)
                .header("x-tollgate-protocol", "1")
                .header("cookie", format!("tollgate_session={SESSION}"));
            let answer = browser.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{shown} {address}");
            assert!(answer.body.contains("wrong-link-secret"), "{}", answer.body);
        }
    }
    // An empty secret lets nobody in, whoever shows nothing included.
    let link = Link::new(Arc::new(MemoryLink::default()), Secret::new(String::new()));
    let open = Browser::with(sample::ledger(), PUBLIC_URL, |sources| sources.with_link(link));
    let request = Request::get("/gateway/v1/snapshot").header("authorization", "Bearer ");
    let request = request.header("x-tollgate-protocol", "1").body(Body::empty()).unwrap();
    assert_eq!(open.send(request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_link_there_are_no_such_addresses() {
    let browser = Browser::over_sample();
    assert_eq!(poll(&browser, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(report(&browser, lease_report(0)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_protocol_is_refused_with_both_versions() {
    let browser = console(MemoryLink::default());
    for (spoken, shown) in
        [(Some("2"), "the gateway 2"), (Some("x"), "the gateway x"), (None, "none")]
    {
        let mut request = Request::get("/gateway/v1/snapshot");
        request = request.header("authorization", format!("Bearer {SECRET}"));
        if let Some(spoken) = spoken {
            request = request.header("x-tollgate-protocol", spoken);
        }
        let answer = browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UPGRADE_REQUIRED, "{spoken:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(
            answer.body.contains("speaks protocol 1") && answer.body.contains(shown),
            "{}",
            answer.body
        );
    }
    let body = lease_report(0).replace("\"protocol\":1", "\"protocol\":9");
    let answer = report(&browser, body).await;
    assert_eq!(answer.status, StatusCode::UPGRADE_REQUIRED, "{}", answer.body);
}

#[tokio::test]
async fn a_report_needs_no_origin_knows_no_form_token_and_may_be_long() {
    let browser = console(MemoryLink::default());
    for padding in [0, 1024 * 1024] {
        let answer = report(&browser, lease_report(padding)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let reply: LeaseReply = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(reply.ttl_ms, 15_000);
    }
    let answer = report(&browser, lease_report(5 * 1024 * 1024)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.body);
    let answer = report(&browser, "{\"protocol\":1}".to_owned()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
}

#[tokio::test]
async fn a_report_that_cannot_be_decided_is_told_without_its_insides() {
    let browser = console(MemoryLink { is_away: true, ..MemoryLink::default() });
    let answer = report(&browser, lease_report(0)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(!answer.body.contains("database gone"), "{}", answer.body);
}

#[tokio::test]
async fn no_more_gateways_wait_at_once_than_can_be_borne() {
    let link = MemoryLink::default();
    let (waiting, tag) = (Arc::clone(&link.waiting), link.document.tag());
    let browser = Arc::new(console(link));
    let query = format!("&after={tag}&wait_ms=25000");
    let mut polls = tokio::task::JoinSet::new();
    for _ in 0..1_024 {
        let (browser, query) = (Arc::clone(&browser), query.clone());
        polls.spawn(async move { poll(&browser, &query).await });
    }
    let all_wait = waiting.acquire_many(1_024).await.unwrap();
    let one_more = poll(&browser, &query).await;
    assert_eq!(one_more.status, StatusCode::SERVICE_UNAVAILABLE, "{}", one_more.body);
    assert!(one_more.body.contains("too-many-polls"), "{}", one_more.body);
    polls.abort_all();
    while polls.join_next().await.is_some() {}
    drop(all_wait);
    assert_eq!(poll(&browser, "").await.status, StatusCode::OK, "places are given back");
}
