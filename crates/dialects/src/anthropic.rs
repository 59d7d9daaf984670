//! Anthropic's messages, as providers speak it behind a translation.
//!
//! This folder must never know another dialect: it reads and writes the neutral chat.

mod blocks;
mod config;
mod generation;
mod reply;
mod request;
mod stream;
mod usage;

use units::Secret;

use crate::chat::{ChatReply, ChatRequest};
use crate::reply::{Facts, ReplyError};
use crate::request::{Encoded, RequestError, Target};
use crate::wire::{Endpoint, Headers, ProviderSide, StreamDecoder};

/// Header that chooses the version of the API.
const VERSION_HEADER: &str = "anthropic-version";

/// The dialect.
pub(crate) struct Anthropic;

impl Endpoint for Anthropic {
    fn path(&self) -> &'static str {
        "/messages"
    }

    fn auth_headers(&self, secret: &Secret) -> Headers {
        vec![
            ("x-api-key", secret.expose().to_owned()),
            (VERSION_HEADER, generation::VERSION_WITH_SAMPLING.to_owned()),
        ]
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
