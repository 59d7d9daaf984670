//! A console of a test: real HTTP, with a document, a secret, a protocol, and a bank behind it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gateway::{Authority, HttpLink, HttpLinkOptions};
use policy::{LeaseReport, PROTOCOL, SnapshotDocument};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::Secret;

use crate::bank::Bank;
use crate::harness::{spawn, wait};

/// The secret both halves share.
pub(crate) const LINK_SECRET: &str = "link-of-the-tests-0123456789";

/// What the console gives: its name for it, and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) tag: String,
    pub(crate) json: String,
}

impl Offer {
    /// A document as a console offers it.
    pub(crate) fn of(document: &SnapshotDocument) -> Self {
        Self { tag: document.tag(), json: serde_json::to_string(document).unwrap() }
    }
}

struct Shared {
    offer: watch::Sender<Option<Offer>>,
    protocol: u32,
    bank: Arc<Bank>,
    polls: AtomicUsize,
    /// Answers at once where it should wait for news.
    is_hasty: AtomicBool,
}

/// A console that serves until it is dropped.
pub(crate) struct Console {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Console {
    /// Serves on a free port.
    pub(crate) fn start(bank: &Arc<Bank>) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), bank, PROTOCOL)
    }

    /// Serves on a given port and speaks a given protocol.
    pub(crate) fn start_on(address: SocketAddr, bank: &Arc<Bank>, protocol: u32) -> Self {
        let shared = Arc::new(Shared {
            offer: watch::Sender::new(None),
            protocol,
            bank: Arc::clone(bank),
            polls: AtomicUsize::new(0),
            is_hasty: AtomicBool::new(false),
        });
        let router = Router::new()
            .route("/gateway/v1/snapshot", get(snapshot))
            .route("/gateway/v1/leases", post(leases))
            .with_state(Arc::clone(&shared));
        let listener = wait(async {
            loop {
                // The one before may not have let go of the port yet.
                match TcpListener::bind(address).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        let address = listener.local_addr().unwrap();
        let serving = spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, serving }
    }

    /// Offers something else from now on.
    pub(crate) fn offer(&self, offer: Offer) {
        self.shared.offer.send_replace(Some(offer));
    }

    /// Does not wait for news from now on.
    pub(crate) fn hasten(&self) {
        self.shared.is_hasty.store(true, Ordering::SeqCst);
    }

    /// Questions for a snapshot so far.
    pub(crate) fn polls(&self) -> usize {
        self.shared.polls.load(Ordering::SeqCst)
    }

    /// A link to it.
    pub(crate) fn link(&self) -> HttpLink {
        link(&format!("http://{}", self.address), LINK_SECRET)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A link to an address.
pub(crate) fn link(url: &str, secret: &str) -> HttpLink {
    HttpLink::new(HttpLinkOptions {
        console_url: url.to_owned(),
        secret: Secret::new(secret),
        node: "test".to_owned(),
        ca_file: None,
    })
    .unwrap()
}

#[derive(Deserialize)]
struct Poll {
    after: Option<String>,
    wait_ms: u64,
    node: String,
}

async fn snapshot(
    State(shared): State<Arc<Shared>>,
    Query(poll): Query<Poll>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&shared, &headers) {
        return refusal;
    }
    assert_eq!(poll.node, "test");
    shared.polls.fetch_add(1, Ordering::SeqCst);
    let mut offer = shared.offer.subscribe();
    let is_news = |offer: &Option<Offer>| {
        offer.as_ref().is_some_and(|offer| Some(&offer.tag) != poll.after.as_ref())
    };
    let wait_ms = if shared.is_hasty.load(Ordering::SeqCst) { 1 } else { poll.wait_ms };
    let waiting = tokio::time::timeout(Duration::from_millis(wait_ms), offer.wait_for(is_news));
    match waiting.await {
        Ok(Ok(offer)) => {
            let Offer { tag, json } = Option::clone(&offer).unwrap();
            let headers =
                [("etag", format!("\"{tag}\"")), ("content-type", "application/json".into())];
            (headers, json).into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn leases(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    axum::Json(report): axum::Json<LeaseReport>,
) -> Response {
    if let Some(refusal) = refuse(&shared, &headers) {
        return refusal;
    }
    match shared.bank.sync(report).await {
        Ok(reply) => axum::Json(reply).into_response(),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the database is away"),
    }
}

fn refuse(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("authorization") != Some(&format!("Bearer {LINK_SECRET}")) {
        return Some(problem(StatusCode::UNAUTHORIZED, "another secret"));
    }
    let theirs = text("x-tollgate-protocol").unwrap_or_default();
    let ours = shared.protocol.to_string();
    (theirs != ours).then(|| {
        let detail = format!("console speaks {ours}, gateway {theirs}");
        problem(StatusCode::UPGRADE_REQUIRED, &detail)
    })
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({"type": "about:blank", "title": "no", "detail": detail});
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}
