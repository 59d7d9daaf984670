//! An application that speaks to the gateway, seeing exactly what is on the wire.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use units::Usd;

/// Longest wait for a whole answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// An application with one key.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    key: String,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body: JSON, or the events of a stream.
    pub(crate) body: String,
}

impl Client {
    /// An application that knows the gateway's address.
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { http, address, key: key.to_owned() }
    }

    /// The same application with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Its key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Base URL, as an SDK is given it.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Status of the list of models.
    pub(crate) async fn models(&self) -> u16 {
        let url = format!("{}/models", self.base_url());
        let sent = self.http.get(url).bearer_auth(&self.key).send().await;
        sent.map_or(0, |answer| answer.status().as_u16())
    }

    /// A chat request, not yet sent.
    pub(crate) fn request(&self) -> RequestBuilder {
        let url = format!("{}/chat/completions", self.base_url());
        self.http.post(url).bearer_auth(&self.key)
    }

    /// A request to any address, not yet sent.
    pub(crate) fn call(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.http.request(method, url).bearer_auth(&self.key)
    }

    /// Sends a body and reads the answer to its end.
    pub(crate) async fn ask(&self, body: &Value) -> Answer {
        self.send(self.request().json(body)).await.unwrap()
    }

    /// Asks as an application does: again when it is told to come again because the lease could not
    /// be extended in time, which happens on a machine busy with other tests.
    pub(crate) async fn served(&self, body: &Value) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.ask(body).await;
            if answer.status == 200 {
                return answer;
            }
            assert!(answer.is_lease_late() && began.elapsed() < PATIENCE, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a request; an error when there is no answer or not all of it.
    pub(crate) async fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.text().await? })
    }

    /// Sends a body and leaves the answer to be read piece by piece.
    pub(crate) async fn open(&self, body: &Value) -> Response {
        self.request().json(body).send().await.unwrap()
    }
}

/// A request for a short text.
pub(crate) fn chat(model: &str) -> Value {
    json!({
        "model": model,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Say something about tolls."},
        ],
    })
}

/// The same as a stream, whose client does not ask for usage.
pub(crate) fn stream(model: &str) -> Value {
    let mut body = chat(model);
    body["stream"] = true.into();
    body
}

/// Reads an answer until so many bytes have arrived.
pub(crate) async fn read_some(answer: &mut Response, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        let chunk = answer.chunk().await.unwrap().expect("a longer answer");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `error` member of the body.
    pub(crate) fn error(&self) -> Value {
        self.json()["error"].take()
    }

    /// Whether the gateway could not extend a lease in the 50 ms a request waits for one, which a busy
    /// machine makes happen: nothing was decided, and the answer says to come again.
    pub(crate) fn is_lease_late(&self) -> bool {
        self.status == 503 && self.error()["code"] == "budget_authority_unavailable"
    }

    /// A header; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The request's id, which every answer names.
    pub(crate) fn request_id(&self) -> String {
        let id = self.header("x-tollgate-request-id");
        assert!(id.starts_with("req_"), "{self:?}");
        id.to_owned()
    }

    /// The events of a stream, without its end mark.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = data.filter(|data| *data != "[DONE]");
        events.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    /// Whether a stream ended as complete.
    pub(crate) fn is_done(&self) -> bool {
        self.body.trim_end().ends_with("data: [DONE]")
    }

    /// The cost that a complete answer names, to its last digit; `None` when the answer is not
    /// complete or names none.
    pub(crate) fn cost(&self) -> Option<Usd> {
        #[derive(Deserialize)]
        struct Priced<'a> {
            #[serde(borrow)]
            usage: Usage<'a>,
        }
        #[derive(Deserialize)]
        struct Usage<'a> {
            #[serde(borrow)]
            cost: &'a RawValue,
        }
        let is_stream = self.body.starts_with("data: ");
        let text = match is_stream {
            false => self.body.as_str(),
            true if !self.is_done() => return None,
            true => {
                self.body.lines().rev().filter_map(|line| line.strip_prefix("data: ")).nth(1)?
            }
        };
        let priced: Priced<'_> = serde_json::from_str(text).ok()?;
        priced.usage.cost.get().parse().ok()
    }
}
