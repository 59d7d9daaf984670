//! Every page over seeded figures, signed in as an administrator, to look at while working on them:
//! `cargo run -p console --example preview -- 4810`, then open that port.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "the figures are those of the tests, and not all of them are looked at"
)]

#[path = "../tests/router/incidents.rs"]
mod incidents;
#[path = "../tests/router/sample.rs"]
mod sample;
#[path = "../tests/router/sources.rs"]
mod sources;
#[path = "../tests/router/usage.rs"]
mod usage;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::COOKIE;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use console::{ConsoleSettings, ConsoleState, Sources};
use tokio::net::TcpListener;
use units::{BillingZone, UnixMicros};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4810".to_owned());
    let access = Arc::new(sources::MemoryAccess::default());
    access.add_session("preview", UnixMicros::new(i64::MAX));
    let settings = ConsoleSettings {
        public_url: format!("http://127.0.0.1:{port}").parse().unwrap(),
        organisation: "Acme".to_owned(),
        zone: BillingZone::UTC,
    };
    let sources = Sources::new(Arc::new(sample::ledger()), access)
        .with_budgets(Arc::new(sources::MemoryBudgets {
            budgets: sample::budgets(),
            is_down: false,
        }))
        .with_explorer(Arc::new(usage::usage()))
        .with_requests(Arc::new(usage::requests()))
        .with_alerts(Arc::new(incidents::alerts()))
        .with_prices(Arc::new(sources::MemoryPrices::of(sample::PRICES)));
    let clock = Arc::new(sources::StoppedClock(sample::NOW));
    let router = console::router(ConsoleState::new(sources, settings, clock));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, router.layer(from_fn(sign_in))).await
}

/// Signs every request in, so that a page is one address away.
async fn sign_in(mut request: Request, next: Next) -> Response {
    let others = request.headers().get(COOKIE).and_then(|cookie| cookie.to_str().ok());
    let cookies = format!("tollgate_session=preview; {}", others.unwrap_or_default());
    if let Ok(cookies) = HeaderValue::from_str(&cookies) {
        request.headers_mut().insert(COOKIE, cookies);
    }
    next.run(request).await
}
