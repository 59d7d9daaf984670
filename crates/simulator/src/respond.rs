//! From request to response, the same for every dialect: door, faults, answer.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::answer::{self, Advice, Answer, Circumstances};
use crate::ask::Ask;
use crate::beats::Beats;
use crate::bill::{BilledRequest, Quantities};
use crate::desk::{Charge, Desk};
use crate::dialects::{Events, Purpose, Wire, request_id};
use crate::rate::Allowance;
use crate::refusal::Refusal;
use crate::script::{Reply, Script};
use crate::stream::{Reel, cut_body};

/// Largest request body read: 64 MiB, beyond what any provider takes.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;
/// The header that carries a script.
const SCRIPT_HEADER: &str = "x-simulator-script";
const JSON: &str = "application/json";
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\
                    <body><h1>502 Bad Gateway</h1></body></html>\n";

/// A request that got past the door and its faults.
struct Admitted {
    ask: Ask,
    model: String,
    script: Script,
    serial: u64,
}

/// Answers a request for an answer.
pub(crate) async fn chat<W: Wire>(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    serve::<W>(desk, request, Purpose::Answer).await
}

/// Answers a request to count a prompt.
pub(crate) async fn count<W: Wire>(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    serve::<W>(desk, request, Purpose::Count).await
}

async fn serve<W: Wire>(desk: Arc<Desk>, request: Request, purpose: Purpose) -> Response {
    let serial = desk.serial();
    let mut allowance = Allowance::GENEROUS;
    let admitted = admit::<W>(&desk, request, purpose, (serial, &mut allowance)).await;
    let mut response = match admitted {
        Ok(admitted) if purpose == Purpose::Count => {
            respond(200, JSON, W::counted(admitted.ask.prompt.tokens()))
        }
        Ok(admitted) => fulfil::<W>(&desk, admitted),
        Err(refusal) => refuse::<W>(&refusal, serial),
    };
    W::dress(response.headers_mut(), serial, &allowance, desk.options.clock.now());
    response
}

/// The response to a request that is refused.
pub(crate) fn refuse<W: Wire>(refusal: &Refusal, serial: u64) -> Response {
    let mut response = respond(refusal.status, JSON, W::refuse(refusal, serial));
    W::name_error(response.headers_mut(), refusal);
    if let Some(seconds) = refusal.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Whether a request carries a good key.
pub(crate) fn authorise<W: Wire>(desk: &Desk, headers: &HeaderMap) -> Result<(), Refusal> {
    let key = W::credential(headers);
    if key.is_some_and(|key| W::admits(desk, key)) { Ok(()) } else { Err(W::unauthorised(key)) }
}

async fn admit<W: Wire>(
    desk: &Desk,
    request: Request,
    purpose: Purpose,
    (serial, allowance): (u64, &mut Allowance),
) -> Result<Admitted, Refusal> {
    let (parts, body) = request.into_parts();
    authorise::<W>(desk, &parts.headers)?;
    let body = to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Refusal::new(413, "Request exceeds the maximum size"))?;
    W::verify(desk, &parts, &body)?;
    let ask = W::read(&parts, &body, purpose)?;
    let (model, script) = script_of(desk, &ask.model, &parts.headers)?;
    if let Some(limit) = script.rate_per_s {
        *allowance = desk.limits.take(&model, limit, desk.options.clock.now());
    }
    if !desk.pause(script.delay_ms.unwrap_or(0)).await {
        return Err(Refusal::new(503, "The simulator is stopping"));
    }
    if allowance.is_exceeded {
        let told = format!("Rate limit reached for {model} on requests per second (RPS).");
        return Err(Refusal::new(429, told).retry_after(script.retry_after_s.or(Some(1))));
    }
    match script.reply {
        Some(Reply::Hang) => {
            desk.stopped().await;
            return Err(Refusal::new(503, "The simulator is stopping"));
        }
        Some(Reply::Garbage | Reply::Html) => {}
        Some(Reply::SseError) if !ask.is_stream => {
            return Err(Refusal::new(500, "The server had an error while processing your request"));
        }
        Some(Reply::SseError) | None => {
            if let Some(status) = script.status {
                let told = format!("Simulated error {status}");
                return Err(Refusal::new(status, told).retry_after(script.retry_after_s));
            }
        }
    }
    Ok(Admitted { ask, model, script, serial })
}

/// The model without its script, and the script in force: options, faults, name, header.
pub(crate) fn script_of(
    desk: &Desk,
    name: &str,
    headers: &HeaderMap,
) -> Result<(String, Script), Refusal> {
    let wrong = |error: crate::ScriptError| Refusal::invalid(error.to_string()).about("model");
    let (model, named) = Script::split(name).map_err(wrong)?;
    let mut script = desk.faults.over(&desk.options.script, model).overlaid(&named);
    if let Some(value) = headers.get(SCRIPT_HEADER) {
        let text = value.to_str().unwrap_or_default();
        script = script.overlaid(&text.parse().map_err(wrong)?);
    }
    Ok((model.to_owned(), script))
}

fn fulfil<W: Wire>(desk: &Arc<Desk>, admitted: Admitted) -> Response {
    let Admitted { ask, model, script, serial } = admitted;
    let status = script.status.unwrap_or(200);
    match script.reply {
        Some(Reply::Garbage) => {
            return respond(status, JSON, "}{ this is not what you expect \u{7}");
        }
        Some(Reply::Html) => return respond(status, "text/html; charset=utf-8", PAGE),
        _ => {}
    }
    let now = desk.options.clock.now();
    let input = if script.reply.is_none() {
        desk.prefixes.serve(ask.cache, &model, &ask.prompt, now)
    } else {
        Quantities::default()
    };
    let around = Circumstances {
        seed: desk.options.seed,
        words: desk.options.answer_words.clone(),
        script: &script,
        cuts_citations: W::CUTS_CITATIONS,
        serial,
        created_s: now.get().div_euclid(1_000_000),
    };
    let answer = answer::compose(&ask, &model, input, &around);
    if ask.is_stream { play::<W>(desk, answer, script) } else { tell::<W>(desk, &answer, &script) }
}

fn tell<W: Wire>(desk: &Arc<Desk>, answer: &Answer, script: &Script) -> Response {
    let is_complete = script.cut_after.is_none();
    desk.ledger.add(BilledRequest { is_complete, ..owed::<W>(answer, answer.usage) });
    for beside in owed_beside::<W>(answer) {
        desk.ledger.add(BilledRequest { is_complete, ..beside });
    }
    let whole = W::reply(answer);
    if is_complete {
        return respond(200, JSON, whole);
    }
    let length = whole.len();
    let mut response = respond(200, JSON, cut_body(Arc::clone(desk), whole));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn play<W: Wire>(desk: &Arc<Desk>, answer: Answer, script: Script) -> Response {
    let events = W::events(&answer);
    if script.reply == Some(Reply::SseError) {
        let mut out = Vec::new();
        events.error(&mut out);
        return respond(200, W::Events::CONTENT_TYPE, out);
    }
    let so_far = Quantities { output_tokens: 0, reasoning_tokens: 0, ..answer.usage };
    let charge = Charge::new(Arc::clone(desk), owed::<W>(&answer, so_far));
    let charge = charge.with(owed_beside::<W>(&answer));
    let beats = Beats::of(&answer, W::STEP_TOKENS);
    let desk = Arc::clone(desk);
    let reel = Reel { desk, answer, beats, events, charge, script, sent: 0, is_over: false };
    let mut response = respond(200, W::Events::CONTENT_TYPE, reel.into_body());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn owed<W: Wire>(answer: &Answer, quantities: Quantities) -> BilledRequest {
    BilledRequest {
        id: W::answer_id(answer.serial),
        request_id: request_id(answer.serial),
        model: answer.model.clone(),
        is_complete: false,
        quantities,
    }
}

/// What is owed on further models.
fn owed_beside<W: Wire>(answer: &Answer) -> Vec<BilledRequest> {
    let owed = |advice: &Advice| BilledRequest {
        model: advice.model.clone(),
        ..owed::<W>(answer, advice.usage)
    };
    answer.advice.iter().map(owed).collect()
}

/// A response of this status, type and body.
pub(crate) fn respond(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
