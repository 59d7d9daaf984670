//! Google's `generateContent`, as clients and providers speak it.
//!
//! The model and whether the answer is streamed stand in the path, not in the body. This folder must
//! never know another dialect: it reads and writes the neutral chat.

mod answer;
mod config;
mod contents;
mod conversation;
mod decode;
mod decode_reply;
mod decode_stream;
mod embed;
mod encode;
mod encode_request;
mod error;
mod finish;
mod generation;
mod grounding;
mod member;
mod native;
mod parts;
mod peek;
mod predict;
mod recitation;
mod schema;
mod signature;
mod usage;
mod vectors;

pub use embed::{EmbedRequest, decode_embed_request, encode_embed_reply, read_vectors};
pub(crate) use predict::{CloudOperation, decode_predictions};
pub(crate) use vectors::{decode_vectors, embed_path, encode_vectors, rewrite_vectors};

use std::borrow::Cow;

use bytes::Bytes;
use units::Secret;

use crate::chat::{ChatReply, ChatRequest};
use crate::error::ErrorBody;
use crate::json::{Object, whole};
use crate::metered::Metered;
use crate::models::ModelEntry;
use crate::path::percent_encoded;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, Peek, RequestError, Target};
use crate::wire::{
    ClientSide, Counting, Endpoint, EventPass, Headers, NativePair, ProviderSide, StreamDecoder,
    StreamEncoder,
};

/// The dialect.
pub(crate) struct Gemini;

/// Reads a usage object on its own. Searches of the web are told elsewhere in an answer.
pub(crate) fn read_usage(json: &str) -> Option<Metered> {
    let read = usage::read(json)?;
    Some(Metered { estimated_split: read.estimated_split, ..Metered::from(read.usage) })
}

/// Collections a model may be named with; any other name is one of `models`.
const COLLECTIONS: [&str; 4] = ["models", "tunedModels", "publishers", "projects"];

/// Path of an operation on a model.
fn place(model: &str, verb: &str) -> String {
    let is_named = COLLECTIONS
        .iter()
        .any(|name| model.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')));
    if !is_named {
        return format!("/models/{}:{verb}", percent_encoded(model));
    }
    // A name must not climb out of its collection.
    let steps = model.split('/').filter(|step| !matches!(*step, "" | "." | ".."));
    let steps: Vec<String> = steps.map(percent_encoded).collect();
    format!("/{}:{verb}", steps.join("/"))
}

impl Endpoint for Gemini {
    fn path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        Cow::Owned(place(model, verb))
    }

    fn auth_headers(&self, secret: &Secret) -> Headers {
        vec![("x-goog-api-key", secret.expose().to_owned())]
    }
}

impl ClientSide for Gemini {
    fn peek(&self, body: &[u8]) -> Result<Peek, RequestError> {
        peek::peek(body)
    }

    fn decode_request<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError> {
        decode::request(body)
    }

    fn param_name<'p>(&self, name: &'p str) -> Cow<'p, str> {
        decode::param_name(name)
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
        Box::new(encode::ResponseEncoder::new(context))
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

    fn decode_count<'a>(&self, body: &'a str) -> Result<ChatRequest<'a>, RequestError> {
        decode::count(body)
    }

    fn encode_count(&self, tokens: u64) -> Bytes {
        encode::count(tokens)
    }
}

impl ProviderSide for Gemini {
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

impl NativePair for Gemini {
    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
        native::request(body, target)
    }

    fn rewrite_reply(&self, body: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
        native::reply(body, context)
    }

    fn stream_pass(&self, context: ReplyContext) -> Box<dyn EventPass> {
        Box::new(native::ResponsePass::new(context))
    }
}

impl Counting for Gemini {
    fn path(&self, model: &str) -> Cow<'static, str> {
        Cow::Owned(place(model, "countTokens"))
    }

    fn rewrite_request(&self, body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
        native::count_request(body, target)
    }

    fn decode(&self, body: &str) -> Option<u64> {
        member::get(&Object::scan(body)?, "totalTokens").and_then(whole)
    }
}

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod stream_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_stands_in_the_path_and_stays_in_its_collection() {
        for (model, path) in [
            ("gemini-2.5-pro", "/models/gemini-2.5-pro"),
            ("models/gemini-2.5-pro", "/models/gemini-2.5-pro"),
            ("tunedModels/mine", "/tunedModels/mine"),
            ("publishers/google/models/x", "/publishers/google/models/x"),
            ("../../secret", "/models/..%2F..%2Fsecret"),
            ("models/../../secret?x#y", "/models/secret%3Fx%23y"),
            ("modelsque", "/models/modelsque"),
        ] {
            assert_eq!(Endpoint::path(&Gemini, model, false), format!("{path}:generateContent"));
            assert_eq!(
                Endpoint::path(&Gemini, model, true),
                format!("{path}:streamGenerateContent?alt=sse")
            );
        }
        let keyed = Gemini.auth_headers(&Secret::new("s3"));
        assert_eq!(keyed, [("x-goog-api-key", "s3".to_owned())]);
    }
}
