//! Posts one message to one channel and says what became of it.
//!
//! Redirects are not followed, an answer is awaited for ten seconds, and little of it is read. Nothing
//! of a URL or of an answer's text is kept, since an answer may repeat the URL.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use store::{DeliveryKind, Failure};
use units::{DeliveryId, UnixMicros};

use crate::address::{PrivateAddress, PublicOnly};
use crate::{AlertsError, Channel, backoff};

/// Most bytes read of an answer.
const ANSWER_BYTES_MAX: usize = 4_096;
/// Longest word of Slack's that is kept as the reason it refused.
const WORD_BYTES_MAX: usize = 40;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The other side has it.
    Sent(u16),
    /// It may succeed later.
    Later {
        /// Why it did not now.
        failure: Failure,
        /// How long the receiver asks us to wait.
        asked: Option<Duration>,
    },
    /// It will never succeed as things are.
    Never(Failure),
}

/// Posts messages.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    /// For channels that may lead anywhere.
    any: Client,
    /// For channels that may only lead to public addresses.
    public: Client,
    timeout: Duration,
}

impl Sender {
    /// A sender that waits at most `timeout` for an answer.
    pub(crate) fn new(timeout: Duration) -> Result<Self, AlertsError> {
        let builder = || {
            Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .timeout(timeout)
                .pool_max_idle_per_host(1)
                .user_agent("tollgate-alerts")
        };
        let any = builder().build().map_err(|_| AlertsError::Client)?;
        let public = builder().dns_resolver(PublicOnly).build().map_err(|_| AlertsError::Client)?;
        Ok(Self { any, public, timeout })
    }

    /// Posts a body. Webhooks carry `id`, which stays the same when the message is posted again.
    pub(crate) async fn post(
        &self,
        channel: &Channel,
        id: DeliveryId,
        body: Vec<u8>,
        now: UnixMicros,
    ) -> Outcome {
        let client = if channel.allows_private() { &self.any } else { &self.public };
        let mut request =
            client.post(channel.url().clone()).header(CONTENT_TYPE, "application/json");
        let now_s = now.get().div_euclid(1_000_000);
        if channel.kind() == DeliveryKind::Webhook {
            let id = id.to_string();
            let signature = channel.sign(&id, now_s, &body);
            request = request
                .header(HEADER_WEBHOOK_ID, id)
                .header(HEADER_WEBHOOK_TIMESTAMP, now_s.to_string());
            if let Some(signature) = signature {
                request = request.header(HEADER_WEBHOOK_SIGNATURE, signature);
            }
        }
        match request.body(body).send().await {
            Ok(response) => judge(channel.kind(), response, now_s).await,
            Err(error) => self.unanswered(&error),
        }
    }

    fn unanswered(&self, error: &reqwest::Error) -> Outcome {
        let failure = |text: String| Failure { error: text, status: None };
        if is_refused(error) {
            return Outcome::Never(failure(PrivateAddress.to_string()));
        }
        let text = if error.is_timeout() {
            format!("no answer within {} s", self.timeout.as_secs_f32())
        } else if error.is_connect() {
            "cannot connect".to_owned()
        } else {
            "the connection broke".to_owned()
        };
        Outcome::Later { failure: failure(text), asked: None }
    }
}

/// Whether a failure is our own refusal of an address.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<PrivateAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}

async fn judge(kind: DeliveryKind, response: Response, now_s: i64) -> Outcome {
    let status = response.status().as_u16();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| backoff::retry_after(text, now_s));
    let word = reason(kind, response).await;
    let said = word.map(|word| format!(" ({word})")).unwrap_or_default();
    let failure = |text: &str| Failure { error: format!("{text}{said}"), status: Some(status) };
    match status {
        200..300 => Outcome::Sent(status),
        300..400 => Outcome::Never(failure(
            "the receiver redirects, which is not followed: give the channel its final URL",
        )),
        408 | 425 => Outcome::Later { failure: failure("the receiver was not ready"), asked },
        429 => Outcome::Later { failure: failure("too many messages"), asked },
        400..500 => Outcome::Never(failure("the receiver refused the message")),
        _ => Outcome::Later { failure: failure("the receiver failed"), asked },
    }
}

/// The one word Slack answers with, such as `invalid_blocks` or `no_service`. The rest of an answer is
/// read a little, so that the connection can be used again, and dropped.
async fn reason(kind: DeliveryKind, mut response: Response) -> Option<String> {
    let mut answer = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        answer.extend_from_slice(&chunk);
        if answer.len() > ANSWER_BYTES_MAX {
            return None;
        }
    }
    let is_word = (1..=WORD_BYTES_MAX).contains(&answer.len())
        && answer.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    (kind == DeliveryKind::Slack && is_word).then(|| String::from_utf8(answer).ok()).flatten()
}
