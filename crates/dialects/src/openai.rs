//! OpenAI's chat completions and everything compatible with it, as clients and providers speak it.
//!
//! Providers differ in what they report, not in who they are: quirks are recognised by the fields
//! present, never by a provider's name. This folder must never know another dialect.

pub(crate) mod annotations;
mod chunk;
mod decode;
mod decode_reply;
mod decode_stream;
pub(crate) mod encode;
mod encode_request;
pub(crate) mod error;
mod message;
mod messages;
mod native;
mod parts;
mod peek;
mod request;
mod signature;
mod sources;
mod stream;
mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use units::Secret;

use crate::chat::{ChatReply, ChatRequest, Citation};
use crate::error::ErrorBody;
use crate::models::ModelEntry;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError, Usage};
use crate::request::{Encoded, Peek, RequestError, Target};
use crate::wire::{
    ClientSide, Endpoint, EventPass, Headers, NativePair, ProviderSide, StreamDecoder,
    StreamEncoder,
};

/// The dialect.
pub(crate) struct Openai;

/// Reads a usage object on its own.
pub(crate) fn read_usage(json: &str) -> Option<Usage> {
    usage::read(json, None)
}

impl Endpoint for Openai {
    fn path(&self, _: &str, _: bool) -> Cow<'static, str> {
        Cow::Borrowed("/chat/completions")
    }

    fn auth_headers(&self, secret: &Secret) -> Headers {
        vec![("authorization", format!("Bearer {}", secret.expose()))]
    }
}

impl ClientSide for Openai {
    fn carries(&self, citation: &Citation) -> bool {
        annotations::Annotation::new(citation).is_some()
    }

    fn peek(&self, body: &[u8]) -> Result<Peek, RequestError> {
        peek::peek(body)
    }

    fn decode_request<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError> {
        decode::request(body)
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
        Box::new(chunk::ChunkEncoder::new(context))
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

impl ProviderSide for Openai {
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
        Box::new(decode_stream::ChunkDecoder::default())
    }
}

impl NativePair for Openai {
    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
        request::rewrite(body, target)
    }

    fn rewrite_reply(&self, body: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
        native::rewrite(body, context)
    }

    fn stream_pass(&self, context: ReplyContext) -> Box<dyn EventPass> {
        Box::new(stream::ChunkPass::new(context))
    }
}
