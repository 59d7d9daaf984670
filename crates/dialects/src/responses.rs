//! OpenAI's responses, as clients and providers speak them.
//!
//! Errors of answers and lists of models are the vendor's, shared with its chat completions. Beside
//! them this folder must never know another dialect: it reads and writes the neutral chat.

mod annotations;
mod decode_reply;
mod decode_request;
mod decode_stream;
mod encode_reply;
mod encode_request;
mod encode_stream;
mod error;
mod input;
mod items;
mod native;
mod peek;
mod reasoning;
mod response;
mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use units::Secret;

use crate::chat::{ChatReply, ChatRequest, Citation};
use crate::error::ErrorBody;
use crate::json::{Object, whole};
use crate::models::ModelEntry;
use crate::openai;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, Peek, RequestError, Target};
use crate::wire::{
    ClientSide, Counting, Endpoint, EventPass, Headers, NativePair, ProviderSide, StreamDecoder,
    StreamEncoder,
};

pub(crate) use usage::read_usage;

/// The dialect.
pub(crate) struct Responses;

impl Endpoint for Responses {
    fn path(&self, _: &str, _: bool) -> Cow<'static, str> {
        Cow::Borrowed("/responses")
    }

    fn auth_headers(&self, secret: &Secret) -> Headers {
        vec![("authorization", format!("Bearer {}", secret.expose()))]
    }
}

impl ClientSide for Responses {
    fn carries(&self, citation: &Citation) -> bool {
        annotations::carries(citation)
    }

    fn peek(&self, body: &[u8]) -> Result<Peek, RequestError> {
        peek::peek(body)
    }

    fn decode_request<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError> {
        decode_request::request(body)
    }

    fn param_name<'p>(&self, name: &'p str) -> Cow<'p, str> {
        match name {
            "response_format" => Cow::Borrowed("text.format"),
            "reasoning_effort" => Cow::Borrowed("reasoning.effort"),
            _ => match name.strip_prefix("messages") {
                Some(rest) => Cow::Owned(format!("input{rest}")),
                None => Cow::Borrowed(name),
            },
        }
    }

    fn encode_reply(
        &self,
        reply: &ChatReply<'_>,
        facts: &Facts,
        context: &ReplyContext,
    ) -> Vec<u8> {
        encode_reply::reply(reply, facts, context)
    }

    fn stream_encoder(&self, context: ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(encode_stream::ResponseEncoder::new(context))
    }

    fn encode_error(&self, error: &ErrorBody) -> Bytes {
        openai::error::encode(error)
    }

    fn encode_stream_error(&self, error: &ErrorBody) -> Bytes {
        error::encode_in_stream(error)
    }

    fn encode_models(&self, models: &[ModelEntry]) -> Bytes {
        openai::encode::models(models)
    }

    fn decode_count<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError> {
        decode_request::counted(body)
    }

    fn encode_count(&self, tokens: u64) -> Bytes {
        Bytes::from(format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#))
    }
}

impl ProviderSide for Responses {
    fn encode_request(
        &self,
        request: &ChatRequest<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, RequestError> {
        encode_request::encode(request, target)
    }

    fn decode_reply<'a>(
        &self,
        body: &'a str,
        facts: &mut Facts,
    ) -> Result<ChatReply<'a>, ReplyError> {
        decode_reply::decode(body, facts)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(decode_stream::ResponseDecoder::default())
    }
}

impl Counting for Responses {
    fn path(&self, _: &str) -> Cow<'static, str> {
        Cow::Borrowed("/responses/input_tokens")
    }

    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
        native::rewrite_count(body, target)
    }

    fn decode(&self, body: &str) -> Option<u64> {
        Object::scan(body)?.get("input_tokens").and_then(whole)
    }
}

impl NativePair for Responses {
    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
        native::rewrite_request(body, target)
    }

    fn rewrite_reply(&self, body: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
        native::rewrite_reply(body, context)
    }

    fn stream_pass(&self, context: ReplyContext) -> Box<dyn EventPass> {
        Box::new(native::ResponsePass::new(context))
    }
}

#[cfg(test)]
mod tests;
