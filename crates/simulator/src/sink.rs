//! A receiver of alerts: it takes what Slack's incoming webhooks and Standard Webhooks take, refuses
//! what they refuse, fails on command, and remembers every body as it came.
//!
//! It must never know what an alert means.

mod desk;
mod slack;
mod webhook;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::{Clock, Secret, SystemClock};

use crate::SimulatorError;
use desk::Desk;
pub use desk::{Received, SinkAct, SinkKind};

/// Longest body read, bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a stop waits for connections to end, before it leaves them.
const STOP_WAIT: Duration = Duration::from_secs(2);
/// Path of the Slack-like endpoint; like Slack's own it is a secret.
const SLACK_PATH: &str = "/services/T00000000/B00000000/simulated-slack-secret";
/// Path of the Standard Webhooks endpoint.
const WEBHOOK_PATH: &str = "/hooks/simulated-webhook-secret";

/// How to start a sink. The default listens on a free loopback port and checks no signature.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// Where to listen; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Secrets a webhook may be signed with, `whsec_…`; empty accepts it unsigned.
    pub secrets: Vec<Secret>,
    /// What a signature's age is measured with.
    pub clock: Arc<dyn Clock>,
}

impl Default for SinkOptions {
    fn default() -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { bind, secrets: Vec::new(), clock: Arc::new(SystemClock) }
    }
}

/// A receiver of alerts, listening. Dropping it stops it.
#[derive(Debug)]
pub struct AlertSink {
    addr: SocketAddr,
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl AlertSink {
    /// Listens and serves on the caller's runtime. Fails when the address cannot be bound.
    pub async fn start(options: SinkOptions) -> Result<Self, SimulatorError> {
        let bind = |source| SimulatorError::Bind { addr: options.bind, source };
        let listener = TcpListener::bind(options.bind).await.map_err(bind)?;
        let addr = listener.local_addr().map_err(bind)?;
        let (stop, stopping) = watch::channel(false);
        let desk = Arc::new(Desk::new(options, stopping));
        let app = Router::new()
            .route(SLACK_PATH, post(take_slack))
            .route(WEBHOOK_PATH, post(take_webhook))
            .route("/", get(show))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::clone(&desk));
        let served = Arc::clone(&desk);
        let server = tokio::spawn(async move {
            let serving = axum::serve(listener, app)
                .with_graceful_shutdown(async move { served.stopped().await });
            if let Err(error) = serving.await {
                tracing::error!(%error, "alert sink ended");
            }
        });
        Ok(Self { addr, desk, stop, server })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL to give as a Slack incoming webhook.
    pub fn slack_url(&self) -> Secret {
        Secret::new(format!("http://{}{SLACK_PATH}", self.addr))
    }

    /// The URL to give as a Standard Webhooks endpoint.
    pub fn webhook_url(&self) -> Secret {
        Secret::new(format!("http://{}{WEBHOOK_PATH}", self.addr))
    }

    /// Plays these acts to the next posts, one each, before it does what it otherwise does.
    pub fn play(&self, acts: impl IntoIterator<Item = SinkAct>) {
        self.desk.play(acts);
    }

    /// What it does when no act is left; at the start it accepts.
    pub fn otherwise(&self, act: SinkAct) {
        self.desk.otherwise(act);
    }

    /// What was posted, oldest first, at most the last 1,000.
    pub fn received(&self) -> Vec<Received> {
        self.desk.received()
    }

    /// What was posted and accepted, oldest first.
    pub fn accepted(&self) -> Vec<Received> {
        let mut received = self.desk.received();
        received.retain(|one| (200..300).contains(&one.status));
        received
    }

    /// Stops listening and ends what hangs.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_WAIT, &mut self.server).await.is_err() {
            tracing::debug!(addr = %self.addr, "alert sink left open connections behind");
        }
    }
}

impl Drop for AlertSink {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.server.abort();
    }
}

/// What was posted, as JSON, oldest first.
async fn show(State(desk): State<Arc<Desk>>) -> axum::Json<Vec<Received>> {
    axum::Json(desk.received())
}

async fn take_slack(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let checked = slack::check(&headers, &body).map_err(|problem| (400, problem));
    answer(&desk, SinkKind::Slack, &headers, (body, checked)).await
}

async fn take_webhook(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let now_s = desk.options.clock.now().get().div_euclid(1_000_000);
    let checked = webhook::check(&headers, &body, &desk.options.secrets, now_s);
    let checked = checked.map_err(|problem| (401, problem));
    answer(&desk, SinkKind::Webhook, &headers, (body, checked)).await
}

/// Plays the next act, notes what came and how it was answered, and answers.
async fn answer(
    desk: &Desk,
    kind: SinkKind,
    headers: &HeaderMap,
    (body, checked): (Bytes, Result<(), (u16, &'static str)>),
) -> Response {
    let act = desk.next();
    let (status, problem) = match (&act, checked) {
        (SinkAct::Accept, Err((status, problem))) => (status, Some(problem)),
        (SinkAct::Accept, Ok(())) => (200, None),
        (SinkAct::Answer(status), _) => (*status, None),
        (SinkAct::TooMany { .. }, _) => (429, Some("rate_limited")),
        (SinkAct::Hang, _) => (0, None),
        (SinkAct::RedirectTo(_), _) => (302, None),
    };
    desk.note(kind, headers, &body, (status, problem));
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = problem.unwrap_or(if status == 200 { "ok" } else { "simulated" });
    let plain = [(CONTENT_TYPE, "text/plain".to_owned())];
    match act {
        SinkAct::Hang => {
            desk.stopped().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        SinkAct::TooMany { retry_after } => {
            (code, plain, [(RETRY_AFTER, retry_after)], text).into_response()
        }
        SinkAct::RedirectTo(url) => (code, [(LOCATION, url)], text).into_response(),
        SinkAct::Accept | SinkAct::Answer(_) => (code, plain, text).into_response(),
    }
}

#[cfg(test)]
mod tests;
