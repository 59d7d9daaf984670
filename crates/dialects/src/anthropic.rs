//! Anthropic's messages, as clients and providers speak them.
//!
//! This folder must never know another dialect: it reads and writes the neutral chat.

mod blocks;
mod calls;
mod citations;
mod config;
mod content;
mod decode;
mod encode;
mod error;
mod events;
mod foreign;
mod generation;
mod native;
mod peek;
mod reply;
mod request;
mod seal;
mod stream;
mod usage;
mod usage_body;

use std::borrow::Cow;

use bytes::Bytes;
use units::Secret;

use crate::chat::{ChatReply, ChatRequest};
use crate::error::ErrorBody;
use crate::json::Object;
use crate::metered::Metered;
use crate::models::ModelEntry;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, Peek, RequestError, Target};
use crate::wire::{
    ClientSide, Counting, Endpoint, EventPass, Headers, NativePair, ProviderSide, StreamDecoder,
    StreamEncoder,
};

/// Header that chooses the version of the API.
const VERSION_HEADER: &str = "anthropic-version";

/// The dialect.
pub(crate) struct Anthropic;

/// Reads a usage object on its own.
pub(crate) fn read_usage(json: &str) -> Option<Metered> {
    usage::read(json)
}

impl Endpoint for Anthropic {
    fn path(&self, _: &str, _: bool) -> Cow<'static, str> {
        Cow::Borrowed("/messages")
    }

    fn auth_headers(&self, secret: &Secret) -> Headers {
        vec![
            ("x-api-key", secret.expose().to_owned()),
            (VERSION_HEADER, generation::VERSION_WITH_SAMPLING.to_owned()),
        ]
    }

    fn passed_headers(&self) -> &'static [&'static str] {
        &[VERSION_HEADER, "anthropic-beta"]
    }
}

impl ClientSide for Anthropic {
    fn peek(&self, body: &[u8]) -> Result<Peek, RequestError> {
        peek::peek(body)
    }

    fn decode_request<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError> {
        decode::request(body)
    }

    fn param_name<'p>(&self, name: &'p str) -> Cow<'p, str> {
        const ARGUMENTS: &str = ".tool_calls[].function.arguments";
        Cow::Borrowed(match name {
            "response_format" => "output_config.format",
            "reasoning_effort" => "thinking",
            "stop" => "stop_sequences",
            "parallel_tool_calls" => "tool_choice.disable_parallel_tool_use",
            "user" => "metadata.user_id",
            "messages[].reasoning_content" | "messages[].thinking" => "messages[].content",
            _ => match name.strip_suffix(ARGUMENTS) {
                Some(message) => return Cow::Owned(format!("{message}.content[].input")),
                None => name,
            },
        })
    }

    fn encode_reply(
        &self,
        reply: &ChatReply<'_>,
        facts: &Facts,
        context: &ReplyContext,
    ) -> Vec<u8> {
        encode::reply(reply, facts, context)
    }

    fn stream_encoder(&self, context: ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(events::BlockEncoder::new(context))
    }

    fn encode_error(&self, error: &ErrorBody) -> Bytes {
        error::encode(error)
    }

    fn encode_stream_error(&self, error: &ErrorBody) -> Bytes {
        error::encode_in_stream(error)
    }

    fn encode_models(&self, models: &[ModelEntry]) -> Bytes {
        encode::models(models)
    }
}

impl ProviderSide for Anthropic {
    fn encode_request(
        &self,
        request: &ChatRequest<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, RequestError> {
        request::encode(request, target)
    }

    fn decode_reply<'a>(
        &self,
        body: &'a str,
        facts: &mut Facts,
    ) -> Result<ChatReply<'a>, ReplyError> {
        reply::decode(body, facts)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::MessageDecoder::default())
    }
}

impl NativePair for Anthropic {
    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
        native::rewrite_request(body, target)
    }

    fn rewrite_reply(&self, body: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
        native::rewrite_reply(body, context)
    }

    fn stream_pass(&self, context: ReplyContext) -> Box<dyn EventPass> {
        Box::new(native::MessagePass::new(context))
    }
}

impl Counting for Anthropic {
    fn path(&self, _: &str) -> Cow<'static, str> {
        Cow::Borrowed("/messages/count_tokens")
    }

    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
        // A count knows no limit and refuses one.
        native::rewrite_request(body, &Target { max_output_tokens: None, ..*target })
    }

    fn decode(&self, body: &str) -> Option<u64> {
        Object::scan(body)?.get("input_tokens").and_then(crate::json::whole)
    }
}
