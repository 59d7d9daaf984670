//! A small client: requests as an SDK would send them, streams read event by event.

use std::sync::Arc;

use futures::StreamExt;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use simulator::{Simulator, SimulatorOptions};
use units::{Clock, UnixMicros};

/// A clock that stands still, so that rate windows and cache lifetimes cannot end in mid-test.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> UnixMicros {
        UnixMicros::new(1_795_000_000_250_000)
    }
}

pub(crate) async fn start() -> Simulator {
    let clock = Arc::new(Still);
    Simulator::start(SimulatorOptions { clock, ..SimulatorOptions::default() }).await.unwrap()
}

pub(crate) fn openai(simulator: &Simulator, body: &Value) -> RequestBuilder {
    let url = format!("{}/chat/completions", simulator.base_url());
    Client::new().post(url).bearer_auth("sk-test").json(body)
}

pub(crate) fn anthropic(simulator: &Simulator, body: &Value) -> RequestBuilder {
    let url = format!("{}/messages", simulator.base_url());
    let request = Client::new().post(url).header("x-api-key", "sk-test");
    request.header("anthropic-version", "2023-06-01").json(body)
}

pub(crate) async fn json_of(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// A chat request of one user message, with more fields laid over it.
pub(crate) fn ask(model: &str, text: &str, more: Value) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Data of every event read, and whether the body ended as HTTP says it should.
pub(crate) async fn events_of(response: Response) -> (Vec<String>, bool) {
    let mut text = Vec::new();
    let mut is_whole = true;
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => text.extend_from_slice(&chunk),
            Err(_) => is_whole = false,
        }
    }
    let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
    let data = text.split("\n\n").filter(|event| !event.is_empty()).map(|event| {
        event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned()
    });
    (data.collect(), is_whole)
}

pub(crate) fn parsed(events: &[String]) -> Vec<Value> {
    let json = events.iter().filter(|data| *data != "[DONE]");
    json.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// All strings found at `pointer`, joined.
pub(crate) fn joined(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}
