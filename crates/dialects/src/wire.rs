//! What a dialect can do. A dialect implements the sides it is spoken on; it never sees another.

use std::borrow::Cow;

use bytes::Bytes;
use units::Secret;

use crate::chat::{ChatReply, ChatRequest, Citation, StreamEvent};
use crate::error::{ErrorBody, StreamError, UpstreamError};
use crate::json::Text;
use crate::models::ModelEntry;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, Peek, RequestError, Target};
use crate::sse::Event;

/// Headers: lower-case name and value.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// A dialect as providers serve it over HTTP.
pub(crate) trait Endpoint: Sync {
    /// Path of the operation below the provider's base URL, query included. Some dialects name the
    /// model and whether the answer is streamed there.
    fn path(&self, model: &str, stream: bool) -> Cow<'static, str>;
    /// Headers that carry the credential and whatever every request needs.
    fn auth_headers(&self, secret: &Secret) -> Headers;
    /// Headers of a client that are a provider's to see when both speak this dialect.
    fn passed_headers(&self) -> &'static [&'static str] {
        &[]
    }
    /// Reads the body of an answer that is no success.
    fn decode_error(&self, status: u16, body: &[u8]) -> UpstreamError {
        crate::error::decode(status, body)
    }
    /// The header of such an answer that names its error, lower case.
    fn error_type_header(&self) -> Option<&'static str> {
        None
    }
    /// The name in a value of that header.
    fn error_type<'v>(&self, value: &'v str) -> &'v str {
        value
    }
}

/// A dialect as clients speak it.
pub(crate) trait ClientSide: Sync {
    /// Reads what routing needs.
    fn peek(&self, body: &[u8]) -> Result<Peek, RequestError>;
    /// Reads the whole request.
    fn decode_request<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError>;
    /// A parameter, named as the encoders of requests name it, in the client's own words.
    fn param_name<'p>(&self, name: &'p str) -> Cow<'p, str> {
        Cow::Borrowed(name)
    }
    /// Whether there are words for a citation: what has none is left out of an answer, and told.
    fn carries(&self, _citation: &Citation) -> bool {
        true
    }
    /// Words a plain answer.
    fn encode_reply(&self, reply: &ChatReply<'_>, facts: &Facts, context: &ReplyContext)
    -> Vec<u8>;
    /// Words streamed answers.
    fn stream_encoder(&self, context: ReplyContext) -> Box<dyn StreamEncoder>;
    /// Words an error.
    fn encode_error(&self, error: &ErrorBody) -> Bytes;
    /// Words an error inside a stream, as its last event.
    fn encode_stream_error(&self, error: &ErrorBody) -> Bytes;
    /// Words a list of models.
    fn encode_models(&self, models: &[ModelEntry]) -> Bytes;
    /// Reads a request to count the tokens of a prompt.
    fn decode_count<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError> {
        self.decode_request(body)
    }
    /// Words a count of tokens.
    fn encode_count(&self, tokens: u64) -> Bytes {
        Bytes::from(format!(r#"{{"input_tokens":{tokens}}}"#))
    }
}

/// A dialect as a provider behind a translation speaks it.
pub(crate) trait ProviderSide: Sync {
    /// Words a request.
    fn encode_request(
        &self,
        request: &ChatRequest<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, RequestError>;
    /// Whether it can be asked to cite documents.
    fn cites_documents(&self) -> bool {
        false
    }
    /// Reads a plain answer.
    fn decode_reply<'a>(
        &self,
        body: &'a str,
        facts: &mut Facts,
    ) -> Result<ChatReply<'a>, ReplyError>;
    /// Reads streamed answers.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;
}

/// A dialect spoken on both sides, nothing translated.
pub(crate) trait NativePair: Sync {
    /// The request with what policy must change.
    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError>;
    /// The answer with its cost.
    fn rewrite_reply(&self, body: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError>;
    /// The same for streams.
    fn stream_pass(&self, context: ReplyContext) -> Box<dyn EventPass>;
}

/// A dialect whose providers count the input of a request without answering it.
pub(crate) trait Counting: Sync {
    /// Path of the operation below the provider's base URL.
    fn path(&self, model: &str) -> Cow<'static, str>;
    /// The request with what policy must change.
    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError>;
    /// Input tokens a provider counted; `None` when its answer tells none.
    fn decode(&self, body: &str) -> Option<u64>;
}

/// Reads the events of one streamed answer.
pub(crate) trait StreamDecoder: Send + Sync {
    /// Reads one event into steps, updating the facts first.
    fn decode<'e>(
        &mut self,
        event: &'e Event<'_>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError>;
    /// Reads the end of the provider's bytes, for dialects in which nothing else says that a stream
    /// is complete.
    fn end(&mut self, _facts: &mut Facts, _steps: &mut Vec<StreamEvent<'_>>) {}
}

/// Words the steps of one streamed answer.
pub(crate) trait StreamEncoder: Send + Sync {
    /// Appends the events that say one step.
    fn encode(&mut self, step: &StreamEvent<'_>, facts: &Facts, out: &mut Vec<u8>);
}

/// What becomes of one event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It is forwarded to the letter.
    Keep,
    /// What was appended to the output stands in its place, possibly nothing.
    Replace,
}

/// Turns the events of one streamed answer into what the client receives.
pub(crate) trait EventPass: Send + Sync {
    /// Handles one event that has data.
    fn pass(
        &mut self,
        event: &Event<'_>,
        facts: &mut Facts,
        out: &mut Vec<u8>,
    ) -> Result<Pass, StreamError>;
    /// Whether comments are forwarded.
    fn keeps_comments(&self) -> bool;
    /// Handles the end of the provider's bytes, for dialects in which nothing else says that a stream
    /// is complete.
    fn end(&mut self, _facts: &mut Facts, _out: &mut Vec<u8>) {}
    /// Whether the stream has said that it is complete.
    fn is_done(&self) -> bool;
}

/// The data of an event as the text every dialect's is.
///
/// # Errors
/// It is not UTF-8.
pub(crate) fn event_text(data: &[u8]) -> Result<&str, StreamError> {
    std::str::from_utf8(data).map_err(|_| StreamError::Garbage("an event is not UTF-8".to_owned()))
}

/// A piece of text that says something becomes a step and is counted.
pub(crate) fn text<'e>(
    piece: Option<Text<'e>>,
    facts: &mut Facts,
    steps: &mut Vec<StreamEvent<'e>>,
    wrap: impl FnOnce(Cow<'e, str>) -> StreamEvent<'e>,
) {
    if let Some(piece) = piece.filter(|piece| !piece.0.is_empty()) {
        facts.output.push(&piece.0);
        steps.push(wrap(piece.0));
    }
}
