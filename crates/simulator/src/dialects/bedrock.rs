//! Amazon Bedrock's Converse: signed requests, the model in the path, streams of binary frames.

mod embed;
mod events;
mod frame;
mod messages;
mod reply;
mod request;
mod signature;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::json;
use units::UnixMicros;

use super::gemini::decoded;
use super::{Purpose, Wire, request_id, set, to_json};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::desk::Desk;
use crate::rate::Allowance;
use crate::refusal::Refusal;
use crate::respond::{self, refuse};

/// The format.
pub(crate) struct Bedrock;

/// Answers `POST /model/MODEL/OPERATION`; what is invoked embeds.
pub(crate) async fn serve(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    match request.uri().path().rsplit_once('/').map(|(_, operation)| operation) {
        Some("converse" | "converse-stream") => {
            respond::chat::<Bedrock>(State(desk), request).await
        }
        Some("invoke") => embed::embed(desk, request).await,
        _ => refuse::<Bedrock>(
            &Refusal::new(404, "Unknown operation").coded("UnknownOperationException"),
            desk.serial(),
        ),
    }
}

impl Wire for Bedrock {
    type Events = events::ConverseEvents;
    const STEP_TOKENS: u64 = 4;
    const CUTS_CITATIONS: bool = true;

    /// An API key, or the id of an access key.
    fn credential(headers: &HeaderMap) -> Option<&str> {
        let told = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        told.strip_prefix("Bearer ").map(str::trim).or_else(|| signature::access_key_id(told))
    }

    fn admits(desk: &Desk, key: &str) -> bool {
        if signature::is_access_key_id(key) {
            desk.account(key).is_some()
        } else {
            desk.admits(key)
        }
    }

    fn unauthorised(key: Option<&str>) -> Refusal {
        match key {
            Some(key) if signature::is_access_key_id(key) => {
                Refusal::new(403, "The security token included in the request is invalid.")
                    .coded("UnrecognizedClientException")
            }
            Some(_) => {
                Refusal::new(403, "Authentication failed: Please make sure your API Key is valid.")
                    .coded("AccessDeniedException")
            }
            None => Refusal::new(403, "Missing Authentication Token")
                .coded("MissingAuthenticationTokenException"),
        }
    }

    fn verify(desk: &Desk, parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
        signature::verify(desk, parts, body)
    }

    fn read(parts: &Parts, body: &[u8], _: Purpose) -> Result<Ask, Refusal> {
        let place = parts.uri.path().strip_prefix("/model/").unwrap_or_default();
        let (model, operation) = place.rsplit_once('/').unwrap_or((place, ""));
        request::read(decoded(model), operation == "converse-stream", body)
    }

    fn refuse(refusal: &Refusal, _: u64) -> Vec<u8> {
        to_json(&json!({"message": refusal.message}))
    }

    fn name_error(headers: &mut HeaderMap, refusal: &Refusal) {
        let name = refusal.code.unwrap_or_else(|| error_name(refusal.status));
        set(
            headers,
            "x-amzn-errortype",
            &format!("{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"),
        );
    }

    fn dress(headers: &mut HeaderMap, serial: u64, _: &Allowance, _: UnixMicros) {
        set(headers, "x-amzn-requestid", &request_id(serial));
    }

    fn answer_id(serial: u64) -> String {
        format!("bedrock{serial:016x}")
    }

    fn reply(answer: &Answer) -> Vec<u8> {
        reply::encode(answer)
    }

    fn events(answer: &Answer) -> Self::Events {
        events::ConverseEvents::of(answer)
    }
}

const fn error_name(status: u16) -> &'static str {
    match status {
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    }
}

/// The id of the `index`th block of an answer when it is a tool call.
fn tool_use_id(serial: u64, index: usize) -> String {
    format!("tooluse_{serial:016x}{index:04x}")
}

/// A signature of the right look over reasoning nobody can check.
fn thought_signature(serial: u64) -> String {
    format!("ErUBCkYIBxgCIkD{serial:016x}{:016x}==", crate::dice::scramble(serial))
}
