//! Google's `generateContent`: the model and the operation stand in the path.

mod embed;
mod events;
mod predict;
mod reply;
mod request;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::{Value, json};
use units::UnixMicros;

use super::{Purpose, Wire, set, to_json};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::desk::Desk;
use crate::rate::Allowance;
use crate::refusal::Refusal;
use crate::respond::{self, refuse};

/// Stands where a history has no signature, as the provider documents for histories of other models.
const UNKNOWN_SIGNATURE: &str = "skip_thought_signature_validator";

/// The format; a stream is an `ARRAY` of JSON where the client does not ask for events.
pub(crate) struct Gemini<const ARRAY: bool = false>;

/// Answers `POST /…/models/MODEL:OPERATION`.
pub(crate) async fn serve(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let is_array = !query.split('&').any(|pair| pair == "alt=sse");
    match path.rsplit_once(':').map(|(_, operation)| operation) {
        Some("generateContent") => respond::chat::<Gemini>(State(desk), request).await,
        Some("streamGenerateContent") if is_array => {
            respond::chat::<Gemini<true>>(State(desk), request).await
        }
        Some("streamGenerateContent") => respond::chat::<Gemini>(State(desk), request).await,
        Some("embedContent" | "batchEmbedContents") => embed::embed(&desk, request).await,
        Some("predict") => predict::predict(&desk, request).await,
        Some("countTokens") => respond::count::<Gemini>(State(desk), request).await,
        _ => refuse::<Gemini>(&Refusal::new(404, "Method not found."), desk.serial()),
    }
}

impl<const ARRAY: bool> Wire for Gemini<ARRAY> {
    type Events = events::ResponseEvents<ARRAY>;
    const STEP_TOKENS: u64 = 12;

    fn credential(headers: &HeaderMap) -> Option<&str> {
        if let Some(key) = headers.get("x-goog-api-key") {
            return key.to_str().ok();
        }
        headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
    }

    fn unauthorised(key: Option<&str>) -> Refusal {
        match key {
            Some(_) => Refusal::new(400, "API key not valid. Please pass a valid API key.")
                .coded("API_KEY_INVALID"),
            None => Refusal::new(
                403,
                "Method doesn't allow unregistered callers (callers without established identity). \
                 Please use API Key or other form of API consumer identity to call this API.",
            ),
        }
    }

    fn read(parts: &Parts, body: &[u8], purpose: Purpose) -> Result<Ask, Refusal> {
        let path = parts.uri.path();
        let place = path.split_once("/models/").map_or("", |(_, place)| place);
        let (model, operation) = place.rsplit_once(':').unwrap_or((place, ""));
        let is_stream = operation == "streamGenerateContent";
        request::read(&decoded(model), is_stream, body, purpose)
    }

    fn refuse(refusal: &Refusal, _: u64) -> Vec<u8> {
        let error = error_value(refusal);
        // What streams as an array fails as one.
        if ARRAY { to_json(&json!([error])) } else { to_json(&error) }
    }

    fn dress(headers: &mut HeaderMap, serial: u64, _: &Allowance, _: UnixMicros) {
        set(headers, "server-timing", &format!("gfet4t7; dur={}", serial % 100 + 1));
        set(headers, "vary", "Origin, X-Origin, Referer");
    }

    fn counted(tokens: u64) -> Vec<u8> {
        to_json(&json!({
            "totalTokens": tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
        }))
    }

    fn answer_id(serial: u64) -> String {
        format!("gem{serial:016x}")
    }

    fn reply(answer: &Answer) -> Vec<u8> {
        to_json(&reply::response(answer))
    }

    fn events(answer: &Answer) -> Self::Events {
        events::ResponseEvents::of(answer)
    }
}

/// A model's name with its `%XX` read: clients write a script's `+` and `=` so.
pub(super) fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let read = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, after) = match read.filter(|_| byte == b'%') {
            Some(read) => (read, &after[2..]),
            None => (byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The list of models, in the format's shape.
pub(crate) fn models<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    let entries: Vec<Value> = names
        .map(|id| {
            json!({
                "name": format!("models/{id}"),
                "version": "001",
                "displayName": id,
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            })
        })
        .collect();
    json!({"models": entries})
}

/// Whether a request without a path of its own speaks this format.
pub(crate) fn is_spoken(headers: &HeaderMap) -> bool {
    headers.contains_key("x-goog-api-key")
}

/// Whether a model signs its calls and wants the signatures back: since the third generation.
fn signs(model: &str) -> bool {
    !model.contains("gemini-1") && !model.contains("gemini-2")
}

/// A signature over the `index`th part of an answer's choice, in base64.
fn signature(serial: u64, choice: usize, index: usize) -> String {
    format!("U2ln{serial:016x}{choice:02x}{index:02x}")
}

const fn status_name(status: u16) -> &'static str {
    match status {
        400 | 413 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "FAILED_PRECONDITION",
    }
}

fn error_value(refusal: &Refusal) -> Value {
    let mut details = Vec::new();
    if let Some(reason) = refusal.code {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
        }));
    }
    if let Some(field) = &refusal.param {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": refusal.message}],
        }));
    }
    if let Some(seconds) = refusal.retry_after_s {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{seconds}s"),
        }));
    }
    let mut error = json!({
        "code": refusal.status, "message": refusal.message, "status": status_name(refusal.status),
    });
    if !details.is_empty() {
        error["details"] = Value::Array(details);
    }
    json!({"error": error})
}
