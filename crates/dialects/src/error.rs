//! Errors of providers, read from whatever they send, and errors of ours, before a dialect words them.

mod decode;

pub(crate) use decode::{decode, from_member};

use events::Fault;

/// Longest message kept of a provider's error, bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2_000;

/// An error a provider answered with.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("the provider answered {status}: {message}")]
pub struct UpstreamError {
    /// HTTP status; for an error inside a stream, the status it would have had.
    pub status: u16,
    /// The provider's own words, at most 2,000 bytes.
    pub message: String,
    /// The provider's `type`.
    pub kind: Option<String>,
    /// The provider's `code`.
    pub code: Option<String>,
    /// Parameter at fault.
    pub param: Option<String>,
}

impl UpstreamError {
    /// Who caused it, as far as the status tells.
    pub const fn fault(&self) -> Fault {
        match self.status {
            400 | 404 | 413 | 422 => Fault::Client,
            _ => Fault::Upstream,
        }
    }

    /// Whether the same request may succeed later or elsewhere. A spent account is not worth a wait,
    /// though another provider is: routing decides that by status.
    pub fn retry_helps(&self) -> bool {
        let spent = [&self.kind, &self.code].into_iter().flatten().any(|name| {
            name == "insufficient_quota" || name == "billing_error" || name.contains("spend_limit")
        });
        !spent && matches!(self.status, 408 | 409 | 425 | 429 | 500..)
    }
}

/// Why a stream cannot go on. Always the upstream's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The stream told an error.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The stream ended before it said it was complete.
    #[error("the provider's stream ended before it was complete")]
    Cut,
    /// The stream holds what its dialect does not.
    #[error("the provider's stream cannot be understood: {0}")]
    Garbage(String),
    /// One event is larger than its dialect allows ([`crate::EVENT_BYTES_MAX`] for most).
    #[error("the provider's stream holds an event of more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit_bytes: usize,
    },
}

impl StreamError {
    /// Who caused it.
    pub const fn fault(&self) -> Fault {
        Fault::Upstream
    }

    /// Whether another target may do better, as long as nothing was forwarded.
    pub fn retry_helps(&self) -> bool {
        match self {
            StreamError::Upstream(error) => error.retry_helps(),
            _ => true,
        }
    }
}

/// An error of the gateway, to be worded in the client's dialect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorBody {
    /// Kind, such as `invalid_request_error`.
    pub kind: String,
    /// Code for programs.
    pub code: Option<String>,
    /// Words for people.
    pub message: String,
    /// Parameter at fault.
    pub param: Option<String>,
    /// Anything else worth telling, such as which budget is spent.
    pub metadata: Option<serde_json::Value>,
    /// The gateway's id of the request.
    pub request_id: Option<String>,
}
