//! An application as the tours play it: sends a chat request and reads the answer to its end.

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
