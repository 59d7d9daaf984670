//! The addresses gateways ask: snapshots by long poll, and leases. Programs with the shared secret
//! only; cookies, form tokens and origins mean nothing here.

use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use policy::{LeaseReply, LeaseReport, PROTOCOL};
use serde::Deserialize;

use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::guard::bearer;
use crate::link::{Link, LinkError};
use crate::pages::Asked;
use crate::problem::Problem;

/// The header that says which protocol a gateway speaks.
const PROTOCOL_HEADER: &str = "x-tollgate-protocol";
/// Longest wait for a snapshot, milliseconds.
const WAIT_MS_MAX: u64 = 60_000;
/// Largest report, bytes: about 8,000 accounts.
const REPORT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The gateways' routes; not found in a console without a link.
pub(crate) fn routes(state: &ConsoleState) -> Router<ConsoleState> {
    Router::new()
        .route("/gateway/v1/snapshot", get(snapshot))
        .route("/gateway/v1/leases", post(leases))
        .layer(DefaultBodyLimit::max(REPORT_BYTES_MAX))
        .layer(from_fn_with_state(state.clone(), admitted))
}

/// Lets through who shows the secret and speaks the protocol.
async fn admitted(State(state): State<ConsoleState>, request: Request, next: Next) -> Response {
    let checked = match &state.sources.link {
        None => Err(ConsoleError::NotFound("page")),
        Some(link) => check(link, request.headers()),
    };
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(link: &Link, headers: &HeaderMap) -> Result<(), ConsoleError> {
    if !bearer(headers).is_some_and(|shown| link.knows(shown)) {
        return Err(wrong_secret().into());
    }
    let spoken = headers.get(PROTOCOL_HEADER).and_then(|value| value.to_str().ok());
    if spoken.and_then(|spoken| spoken.parse::<u32>().ok()) == Some(PROTOCOL) {
        Ok(())
    } else {
        Err(other_protocol(spoken.unwrap_or("none that it names")).into())
    }
}

/// What a gateway asks of the snapshot.
#[derive(Debug, Deserialize)]
struct SnapshotQuery {
    /// Tag of the one it has.
    after: Option<String>,
    /// How long it would wait for another, milliseconds.
    #[serde(default)]
    wait_ms: u64,
    /// Its name, for the log.
    #[serde(default)]
    node: String,
}

/// Gives the snapshot in force, or waits for another than the gateway has.
async fn snapshot(
    State(state): State<ConsoleState>,
    Asked(query): Asked<SnapshotQuery>,
) -> Result<Response, ConsoleError> {
    let _place = state.poll().ok_or_else(too_many)?;
    let link = state.sources.link.as_ref().ok_or(ConsoleError::NotFound("page"))?;
    let wait = Duration::from_millis(query.wait_ms.min(WAIT_MS_MAX));
    let Some(document) = link.to.snapshot(&query.node, query.after.as_deref(), wait).await else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let tag = document.tag();
    tracing::debug!(node = %query.node.escape_debug(), tag, "snapshot sent to a gateway");
    Ok(([(ETAG, format!("\"{tag}\""))], Json(&*document)).into_response())
}

/// Decides a report.
async fn leases(
    State(state): State<ConsoleState>,
    report: Result<Json<LeaseReport>, JsonRejection>,
) -> Result<Json<LeaseReply>, ConsoleError> {
    let Json(report) = report?;
    if report.protocol != PROTOCOL {
        return Err(other_protocol(&report.protocol.to_string()).into());
    }
    let link = state.sources.link.as_ref().ok_or(ConsoleError::NotFound("page"))?;
    let away = |LinkError::Away(problem)| ConsoleError::Authority(problem);
    link.to.leases(report).await.map(Json).map_err(away)
}

fn wrong_secret() -> Problem {
    Problem {
        status: StatusCode::UNAUTHORIZED,
        kind: "wrong-link-secret",
        title: "This is not the installation's link secret",
        detail:
            "Gateway and console must be given the same secret: compare `[link]` on both sides."
                .to_owned(),
        errors: Vec::new(),
    }
}

fn other_protocol(spoken: &str) -> Problem {
    let spoken: String = spoken.chars().take(40).collect();
    Problem {
        status: StatusCode::UPGRADE_REQUIRED,
        kind: "protocol-mismatch",
        title: "Gateway and console speak different protocols",
        detail: format!(
            "This console speaks protocol {PROTOCOL}, the gateway {spoken}. Run the same release on \
             both sides; meanwhile the gateway serves from its last snapshot."
        ),
        errors: Vec::new(),
    }
}

fn too_many() -> Problem {
    Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        kind: "too-many-polls",
        title: "Too many gateways wait for a snapshot",
        detail: "Each gateway needs one poll at a time. Try again in a moment.".to_owned(),
        errors: Vec::new(),
    }
}
