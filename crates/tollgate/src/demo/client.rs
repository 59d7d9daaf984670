//! An application and a browser as the tours play them: one sends a chat request and reads the answer
//! to its end, the other logs in to the console and reads pages.

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use units::{Secret, Usd};

use crate::failure::CommandError;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One application with one key.
#[derive(Clone)]
pub(super) struct Application {
    pub(super) http: Client,
    pub(super) url: String,
    pub(super) key: Secret,
}

/// How one request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// A complete answer: the request's id and the cost the answer names.
    Answered {
        /// `x-tollgate-request-id`.
        request_id: String,
        /// `usage.cost`.
        cost: Usd,
    },
    /// Refused by a budget.
    Denied,
    /// Answered with another status.
    Refused(u16),
    /// No answer, or not all of it.
    Broken,
}

impl Application {
    /// An application that speaks to a gateway's base URL.
    pub(super) fn new(base_url: &str, key: Secret) -> Result<Self, CommandError> {
        let http = Client::builder()
            .timeout(PATIENCE)
            .build()
            .map_err(|error| CommandError::Usage(format!("client: {error}")))?;
        Ok(Self { http, url: format!("{base_url}/chat/completions"), key })
    }

    /// Asks once, as a stream or not.
    pub(super) async fn ask(&self, model: &str, customer: &str, stream: bool) -> Ending {
        let mut body = json!({
            "model": model, "max_tokens": 64, "stream": stream,
            "messages": [{"role": "user", "content": "Say something short about tolls."}],
        });
        if stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(self.key.expose())
            .header("x-tollgate-customer", customer)
            .json(&body);
        let Ok(answer) = request.send().await else { return Ending::Broken };
        let status = answer.status().as_u16();
        let request_id = answer.headers().get("x-tollgate-request-id");
        let request_id = request_id.and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        let Ok(text) = answer.text().await else { return Ending::Broken };
        match status {
            200 => match cost_of(&text, stream) {
                Some(cost) => Ending::Answered { request_id, cost },
                None => Ending::Broken,
            },
            402 => Ending::Denied,
            503 => Ending::Broken,
            other => Ending::Refused(other),
        }
    }
}

/// A browser without pictures: logs in with the link and keeps the cookie.
pub(super) struct Page {
    http: reqwest::Client,
    console: String,
    cookie: String,
}

impl Page {
    /// Uses a login link.
    pub(super) async fn log_in(console: &str, login: &Secret) -> Result<Self, CommandError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| failed(format!("client: {error}")))?;
        let answer = http.post(login.expose()).header("origin", console).send().await;
        let answer = answer.map_err(|error| failed(format!("login: {error}")))?;
        let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.ok_or_else(|| failed(format!("login ended as {}", answer.status())))?;
        Ok(Self { cookie: cookie.to_owned(), http, console: console.to_owned() })
    }

    /// Reads a page that must be there.
    pub(super) async fn get(&self, path: &str) -> Result<String, CommandError> {
        let request =
            self.http.get(format!("{}{path}", self.console)).header("cookie", &self.cookie);
        let answer = request.send().await.map_err(|error| failed(format!("{path}: {error}")))?;
        if !answer.status().is_success() {
            return Err(failed(format!("{path} answered {}", answer.status())));
        }
        answer.text().await.map_err(|error| failed(format!("{path}: {error}")))
    }
}

fn failed(message: String) -> CommandError {
    CommandError::Breached(message)
}

/// The cost a complete answer names, to the digit; `None` when the answer is not complete.
fn cost_of(text: &str, stream: bool) -> Option<Usd> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        usage: Usage<'a>,
    }
    #[derive(Deserialize)]
    struct Usage<'a> {
        #[serde(borrow)]
        cost: &'a RawValue,
    }
    let answer = if stream {
        text.trim_end().strip_suffix("data: [DONE]")?;
        text.lines().rev().filter_map(|line| line.strip_prefix("data: ")).nth(1)?
    } else {
        text
    };
    let answer: Answer<'_> = serde_json::from_str(answer).ok()?;
    answer.usage.cost.get().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_answer_has_a_cost_and_its_digits_are_kept() {
        let plain = r#"{"id":"x","usage":{"prompt_tokens":1,"cost":0.000000000001}}"#;
        assert_eq!(cost_of(plain, false), Some(Usd::from_pico(1)));
        let stream = format!("data: {{}}\n\ndata: {plain}\n\ndata: [DONE]\n\n");
        assert_eq!(cost_of(&stream, true), Some(Usd::from_pico(1)));
        assert_eq!(cost_of(&stream.replace("data: [DONE]\n\n", ""), true), None);
        assert_eq!(cost_of("{\"id\":", false), None);
    }
}
