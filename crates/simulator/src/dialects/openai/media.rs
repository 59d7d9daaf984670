//! OpenAI's operations beside chat: legacy completions, pictures, speech in both directions and
//! moderation. What they answer is the same for the same request; none but completions is on the bill.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};

use super::OpenAi;
use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::{malformed, request_id, to_json};
use crate::refusal::Refusal;
use crate::respond::respond;
use crate::tokens::text_tokens;
use crate::whole::{self, dressed, model_of, received};

/// Tokens of a completion whose request sets no limit.
const COMPLETION_TOKENS: u64 = 16;
/// Output tokens of a picture, and input tokens of one that is edited.
const PICTURE_TOKENS: u64 = 272;
/// How long every recording is, seconds.
const SECONDS: u64 = 9;
/// Input tokens of every recording.
const AUDIO_TOKENS: u64 = 90;
/// What every recording says.
const HEARD: &str = "Tolls are paid at the gate.";
/// Speech comes in so many pieces of so many bytes.
const PIECES: usize = 8;
const PIECE_BYTES: usize = 4_096;

const JSON: &str = "application/json";

/// A request that got past the door.
struct Admitted {
    path: String,
    model: String,
    fields: Fields,
    serial: u64,
}

/// The members of a body, JSON or a form.
struct Fields(Value);

impl Fields {
    fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("multipart/")) {
            return Ok(Self(form(&String::from_utf8_lossy(body))));
        }
        serde_json::from_slice(body).map(Self).map_err(|error| malformed(&error))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn count(&self, name: &str) -> Option<u64> {
        let value = self.0.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    fn is_set(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| *value == true || *value == "true")
    }
}

/// The fields of a form, as far as they are text.
fn form(body: &str) -> Value {
    let field = |part: &str| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let name = head.split("name=\"").nth(1)?.split('"').next()?;
        let value = value.split("\r\n--").next().unwrap_or_default();
        Some((name.to_owned(), Value::from(value)))
    };
    let parts = body.split("form-data;");
    Value::Object(parts.filter_map(field).collect())
}

/// Answers any of them.
pub(crate) async fn serve(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let serial = desk.serial();
    let answered = admit(&desk, request, serial).await.and_then(|it| answer(&desk, &it));
    dressed::<OpenAi>(&desk, serial, answered)
}

async fn admit(desk: &Desk, request: Request, serial: u64) -> Result<Admitted, Refusal> {
    let (parts, body) = received::<OpenAi>(desk, request).await?;
    let fields = Fields::read(&parts, &body)?;
    let name = fields.text("model").unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::invalid("you must provide a model parameter"));
    }
    let (model, _) = model_of(desk, name, &parts.headers)?;
    let path = parts.uri.path().to_owned();
    Ok(Admitted { path, model, fields, serial })
}

fn answer(desk: &Desk, it: &Admitted) -> Result<Response, Refusal> {
    let plain = |body: Value| Ok(whole::answer(&body));
    match it.path.trim_start_matches("/v1/") {
        "completions" => Ok(complete(desk, it)),
        "audio/speech" => Ok(speak(it)),
        "audio/transcriptions" | "audio/translations" => Ok(hear(it)),
        "moderations" => plain(json!({
            "id": format!("modr-{:016x}", it.serial), "model": it.model,
            "results": [{"flagged": false, "categories": {"violence": false},
                         "category_scores": {"violence": 0.01}}],
        })),
        _ => plain(draw(it)),
    }
}

fn complete(desk: &Desk, it: &Admitted) -> Response {
    let prompt = text_tokens(it.fields.text("prompt").unwrap_or_default());
    let words = it.fields.count("max_tokens").unwrap_or(COMPLETION_TOKENS);
    let id = format!("cmpl-{:016x}", it.serial);
    desk.ledger.add(BilledRequest {
        id: id.clone(),
        request_id: request_id(it.serial),
        model: it.model.clone(),
        is_complete: true,
        quantities: Quantities {
            requests: 1,
            input_tokens: prompt,
            output_tokens: words,
            ..Quantities::default()
        },
    });
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": words,
                       "total_tokens": prompt + words});
    let part = |choices: Value| {
        json!({"id": id, "object": "text_completion", "created": 0, "model": it.model,
               "choices": choices})
    };
    let choice = |text: &str, finish: Option<&str>| json!([{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]);
    if !it.fields.is_set("stream") {
        let mut body = part(choice(&" toll".repeat(whole(words)), Some("length")));
        body["usage"] = usage;
        return respond(200, JSON, to_json(&body));
    }
    let mut events: Vec<Value> = (0..words).map(|_| part(choice(" toll", None))).collect();
    events.push(part(choice("", Some("length"))));
    if it.fields.0["stream_options"]["include_usage"] == true {
        let mut last = part(json!([]));
        last["usage"] = usage;
        events.push(last);
    }
    let told: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    respond(200, "text/event-stream", told + "data: [DONE]\n\n")
}

fn draw(it: &Admitted) -> Value {
    let pictures = it.fields.count("n").unwrap_or(1);
    if !it.model.starts_with("gpt-image") {
        let picture = |n| json!({"url": format!("https://images.invalid/{:016x}/{n}", it.serial)});
        return json!({"created": 0, "data": (0..pictures).map(picture).collect::<Vec<_>>()});
    }
    let text = text_tokens(it.fields.text("prompt").unwrap_or_default());
    let seen = if it.path.ends_with("edits") { PICTURE_TOKENS } else { 0 };
    let drawn = pictures * PICTURE_TOKENS;
    let data: Vec<Value> =
        (0..pictures).map(|_| json!({"b64_json": "iVBORw0KGgo".repeat(4_096)})).collect();
    json!({"created": 0, "data": data, "usage": {
        "input_tokens": text + seen,
        "input_tokens_details": {"text_tokens": text, "image_tokens": seen},
        "output_tokens": drawn, "total_tokens": text + seen + drawn,
    }})
}

fn hear(it: &Admitted) -> Response {
    let format = it.fields.text("response_format").unwrap_or("json");
    if !matches!(format, "json" | "verbose_json") {
        return respond(200, "text/plain; charset=utf-8", HEARD);
    }
    let words = text_tokens(HEARD);
    let usage = match it.model.starts_with("whisper") {
        true => json!({"type": "duration", "seconds": SECONDS}),
        false => json!({
            "type": "tokens", "input_tokens": AUDIO_TOKENS,
            "input_token_details": {"text_tokens": 0, "audio_tokens": AUDIO_TOKENS},
            "output_tokens": words, "total_tokens": AUDIO_TOKENS + words,
        }),
    };
    respond(200, JSON, to_json(&json!({"text": HEARD, "usage": usage})))
}

/// Speech has no length beforehand: it is sent while it is made.
fn speak(it: &Admitted) -> Response {
    let letters = it.fields.text("input").unwrap_or_default().len();
    let piece = move |n| {
        let first = u8::try_from((n + letters) % 251).unwrap_or(0);
        Ok::<_, Infallible>(Bytes::from(vec![first; PIECE_BYTES]))
    };
    respond(200, "audio/mpeg", Body::from_stream(stream::iter((0..PIECES).map(piece))))
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
