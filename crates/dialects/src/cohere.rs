//! Cohere's chat of version 2, as its service speaks it to a gateway.
//!
//! This folder must never know another dialect: it reads and writes the neutral chat.

mod citations;
mod config;
pub(crate) mod embed;
mod messages;
mod reply;
mod request;
mod stream;
pub(crate) mod usage;

use std::borrow::Cow;

use units::Secret;

use crate::chat::{ChatReply, ChatRequest};
use crate::reply::{Facts, ReplyError, Usage};
use crate::request::{Encoded, RequestError, Target};
use crate::wire::{Endpoint, Headers, ProviderSide, StreamDecoder};

/// The dialect.
pub(crate) struct Cohere;

/// Reads a usage object on its own.
pub(crate) fn read_usage(json: &str) -> Option<Usage> {
    usage::read(json)
}

impl Endpoint for Cohere {
    fn path(&self, _: &str, _: bool) -> Cow<'static, str> {
        Cow::Borrowed("/chat")
    }

    fn auth_headers(&self, secret: &Secret) -> Headers {
        vec![("authorization", format!("Bearer {}", secret.expose()))]
    }
}

impl ProviderSide for Cohere {
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
        Box::new(stream::ChatDecoder::default())
    }
}
