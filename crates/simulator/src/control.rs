//! The simulator's own endpoints: models, bill, faults, and paths nobody serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use units::UnixMicros;

use crate::bill::Bill;
use crate::desk::Desk;
use crate::dialects::Wire;
use crate::dialects::anthropic::{self, Anthropic};
use crate::dialects::gemini::{self, Gemini};
use crate::dialects::openai::{self, OpenAi};
use crate::rate::Allowance;
use crate::refusal::Refusal;
use crate::respond::{authorise, refuse};
use crate::{Script, traffic};

/// When every simulated model was released: 2026-01-01.
const RELEASED: UnixMicros = UnixMicros::new(1_767_225_600_000_000);

/// `GET /v1/models`: its shape follows the way the client authenticates.
pub(crate) async fn models(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let headers = request.headers();
    let names = traffic::MODELS.iter().map(|used| used.model);
    if anthropic::is_spoken(headers) {
        let door = authorise::<Anthropic>(&desk, headers);
        return listed::<Anthropic>(&desk, door.map(|()| anthropic::models(names, RELEASED)));
    }
    if gemini::is_spoken(headers) {
        let door = authorise::<Gemini>(&desk, headers);
        return listed::<Gemini>(&desk, door.map(|()| gemini::models(names)));
    }
    let door = authorise::<OpenAi>(&desk, headers);
    let created_s = RELEASED.get() / 1_000_000;
    listed::<OpenAi>(&desk, door.map(|()| openai::models(names, created_s)))
}

fn listed<W: Wire>(desk: &Desk, list: Result<serde_json::Value, Refusal>) -> Response {
    let serial = desk.serial();
    let mut response = match list {
        Ok(list) => Json(list).into_response(),
        Err(refusal) => refuse::<W>(&refusal, serial),
    };
    W::dress(response.headers_mut(), serial, &Allowance::GENEROUS, desk.options.clock.now());
    response
}

/// A path no provider serves.
pub(crate) async fn not_found(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let told = format!("Invalid URL ({} {})", request.method(), request.uri().path());
    let refusal = Refusal { status: 404, ..Refusal::invalid(told) };
    if anthropic::is_spoken(request.headers()) {
        refuse::<Anthropic>(&refusal, desk.serial())
    } else if gemini::is_spoken(request.headers()) {
        refuse::<Gemini>(&refusal, desk.serial())
    } else {
        refuse::<OpenAi>(&refusal.coded("unknown_url"), desk.serial())
    }
}

/// Query of the bill.
#[derive(Debug, Deserialize)]
pub(crate) struct BillQuery {
    #[serde(default)]
    requests: bool,
}

/// `GET /simulator/bill`, with `?requests=true` for the single requests.
pub(crate) async fn bill(
    State(desk): State<Arc<Desk>>,
    Query(query): Query<BillQuery>,
) -> Json<serde_json::Value> {
    let bill = desk.ledger.bill(query.requests);
    let total = bill.total();
    let Bill { models, requests } = bill;
    Json(json!({"total": total, "models": models, "requests": requests}))
}

/// `POST /simulator/reset`: an empty bill, no faults, an empty prompt cache.
pub(crate) async fn reset(State(desk): State<Arc<Desk>>) -> StatusCode {
    desk.ledger.reset();
    desk.faults.clear();
    desk.prefixes.clear();
    StatusCode::NO_CONTENT
}

/// `POST /simulator/fault?model=PREFIX` with a script as the body; an empty one ends the fault.
pub(crate) async fn fault(
    State(desk): State<Arc<Desk>>,
    Query(query): Query<BTreeMap<String, String>>,
    body: String,
) -> Response {
    match body.trim().parse::<Script>() {
        Ok(script) => {
            desk.faults.set(query.get("model").map_or("", String::as_str), script);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
