//! Amazon Bedrock's Converse, as its service speaks it to a gateway.
//!
//! This folder must never know another dialect: it reads and writes the neutral chat. Signatures and
//! frames are pure functions here; who holds clock and credentials passes them in.

mod blob;
mod blocks;
mod citations;
mod config;
pub(crate) mod embed;
mod error;
pub(crate) mod frame;
mod media;
mod reply;
mod request;
mod sign;
mod stream;
mod usage;

use std::borrow::Cow;

use units::Secret;

use crate::chat::{ChatReply, ChatRequest};
use crate::error::UpstreamError;
use crate::reply::{Facts, ReplyError, Usage};
use crate::request::{Encoded, RequestError, Target};
use crate::wire::{Endpoint, Headers, ProviderSide, StreamDecoder};

pub use embed::{COUNT_HEADERS, meters_of_headers};
pub use sign::{AwsCredentials, SIGNING_SERVICE, SignedRequest, SigningScope, sign};

/// The dialect.
pub(crate) struct Bedrock;

/// Reads a usage object on its own.
pub(crate) fn read_usage(json: &str) -> Option<Usage> {
    usage::read(json)
}

impl Endpoint for Bedrock {
    fn path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        let operation = if stream { "converse-stream" } else { "converse" };
        Cow::Owned(format!("/model/{}/{operation}", sign::encoded(model, false)))
    }

    /// An API key is a bearer. Credentials of an account sign each request instead ([`sign`]).
    fn auth_headers(&self, secret: &Secret) -> Headers {
        match AwsCredentials::parse(secret) {
            Some(_) => Vec::new(),
            None => vec![("authorization", format!("Bearer {}", secret.expose()))],
        }
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> UpstreamError {
        error::decode(status, body)
    }

    fn error_type_header(&self) -> Option<&'static str> {
        Some(error::TYPE_HEADER)
    }

    fn error_type<'v>(&self, value: &'v str) -> &'v str {
        error::type_name(value)
    }
}

impl ProviderSide for Bedrock {
    fn encode_request(
        &self,
        request: &ChatRequest<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, RequestError> {
        request::encode(request, target)
    }

    fn cites_documents(&self) -> bool {
        true
    }

    fn decode_reply<'a>(
        &self,
        body: &'a str,
        facts: &mut Facts,
    ) -> Result<ChatReply<'a>, ReplyError> {
        reply::decode(body, facts)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::ConverseDecoder::default())
    }
}
