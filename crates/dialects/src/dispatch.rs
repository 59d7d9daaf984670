//! The crate's functions, each told its dialect: the one place that knows which dialects there are.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use events::Dialect;
use units::Secret;

use crate::anthropic::Anthropic;
use crate::bedrock::Bedrock;
use crate::chat::CITATIONS_MAX;
use crate::cohere::Cohere;
use crate::embeddings;
use crate::error::{ErrorBody, UpstreamError};
use crate::gemini::Gemini;
use crate::models::{self, ModelEntry};
use crate::openai::Openai;
use crate::path::PathModel;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, Peek, RequestError, Target, utf8};
use crate::rerank::encode_rerank_error;
use crate::responses::Responses;
use crate::tokens;
use crate::wire::{ClientSide, Counting, Endpoint, NativePair, ProviderSide};

/// Path, credential and errors of a dialect.
fn endpoint(dialect: Dialect) -> &'static dyn Endpoint {
    match dialect {
        Dialect::OpenaiChat => &Openai,
        Dialect::AnthropicMessages => &Anthropic,
        Dialect::OpenaiResponses => &Responses,
        Dialect::GeminiGenerate => &Gemini,
        Dialect::BedrockConverse => &Bedrock,
        Dialect::CohereChat => &Cohere,
    }
}

/// The dialects clients may speak.
fn client(dialect: Dialect) -> Option<&'static dyn ClientSide> {
    match dialect {
        Dialect::OpenaiChat => Some(&Openai),
        Dialect::AnthropicMessages => Some(&Anthropic),
        Dialect::OpenaiResponses => Some(&Responses),
        Dialect::GeminiGenerate => Some(&Gemini),
        Dialect::BedrockConverse | Dialect::CohereChat => None,
    }
}

/// The dialects providers are spoken to in behind a translation.
fn provider(dialect: Dialect) -> Option<&'static dyn ProviderSide> {
    match dialect {
        Dialect::OpenaiChat => Some(&Openai),
        Dialect::AnthropicMessages => Some(&Anthropic),
        Dialect::OpenaiResponses => Some(&Responses),
        Dialect::GeminiGenerate => Some(&Gemini),
        Dialect::BedrockConverse => Some(&Bedrock),
        Dialect::CohereChat => Some(&Cohere),
    }
}

/// The dialects that pass through where client and provider both speak them.
fn native(dialect: Dialect) -> Option<&'static dyn NativePair> {
    match dialect {
        Dialect::OpenaiChat => Some(&Openai),
        Dialect::AnthropicMessages => Some(&Anthropic),
        Dialect::OpenaiResponses => Some(&Responses),
        Dialect::GeminiGenerate => Some(&Gemini),
        Dialect::BedrockConverse | Dialect::CohereChat => None,
    }
}

/// The dialects whose providers count input without answering it.
fn counting(dialect: Dialect) -> Option<&'static dyn Counting> {
    match dialect {
        Dialect::AnthropicMessages => Some(&Anthropic),
        Dialect::GeminiGenerate => Some(&Gemini),
        Dialect::OpenaiResponses => Some(&Responses),
        Dialect::OpenaiChat | Dialect::BedrockConverse | Dialect::CohereChat => None,
    }
}

/// The client side for words that must be found in any case: a client of a dialect that is not
/// served was refused before, in these words.
fn any_client(dialect: Dialect) -> &'static dyn ClientSide {
    client(dialect).unwrap_or(&Openai)
}

/// How two dialects meet.
pub(crate) enum Route {
    /// The same on both sides.
    Native(&'static dyn NativePair),
    /// Translated through the neutral chat.
    Translated(&'static dyn ClientSide, &'static dyn ProviderSide),
}

/// How a client's dialect meets a provider's; `None` when it does not.
pub(crate) fn route(of_client: Dialect, of_provider: Dialect) -> Option<Route> {
    if of_client == of_provider {
        return native(of_client).map(Route::Native);
    }
    Some(Route::Translated(client(of_client)?, provider(of_provider)?))
}

/// Reads what routing and attribution need of a request, in one pass that builds no tree.
///
/// # Errors
/// The body is not JSON (with line and column), has no model, or a parameter read here is of the
/// wrong type.
pub fn peek(dialect: Dialect, body: &[u8]) -> Result<Peek, RequestError> {
    let side = client(dialect)
        .ok_or(RequestError::NoTranslation { from: dialect, to: Dialect::OpenaiChat })?;
    let peek = side.peek(body)?;
    if peek.model.is_empty() { Err(RequestError::missing("model")) } else { Ok(peek) }
}

/// The same for a dialect whose requests name the model, and whether the answer is streamed, in their
/// path.
///
/// # Errors
/// As for [`peek`], but for the model.
pub fn peek_at(dialect: Dialect, at: &PathModel, body: &[u8]) -> Result<Peek, RequestError> {
    let side = client(dialect)
        .ok_or(RequestError::NoTranslation { from: dialect, to: Dialect::OpenaiChat })?;
    Ok(Peek { model: at.model.clone(), stream: at.streams(), ..side.peek(body)? })
}

/// Words a client's request for a target.
///
/// Between equal dialects every byte stays but for the model, the token limit, the request for usage
/// and the gateway's own fields; when none of these changes, the body is the client's own.
///
/// # Errors
/// The body is not a request, or asks for what the target's dialect cannot say and the route does
/// not drop parameters.
pub fn encode_request(
    from: Dialect,
    body: &Bytes,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    encode_request_at(from, None, body, target)
}

/// The same for a request that names the model, and whether the answer is streamed, in its path.
///
/// # Errors
/// As for [`encode_request`].
pub fn encode_request_at(
    from: Dialect,
    at: Option<&PathModel>,
    body: &Bytes,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    match route(from, target.dialect) {
        Some(Route::Native(pair)) => pair.rewrite_request(body, target),
        Some(Route::Translated(client, provider)) => {
            let mut request = client.decode_request(utf8(body)?)?;
            request.stream |= at.is_some_and(PathModel::streams);
            if !provider.cites_documents() {
                request.leave_uncited();
            }
            let named = |name: &str| client.param_name(name).into_owned();
            let mut encoded =
                provider.encode_request(&request, target).map_err(|e| e.renamed(named))?;
            let lost = encoded.dropped.iter().map(|name| named(name));
            let hints = request.hints.iter().map(|hint| (*hint).to_owned());
            // Two parameters may have one name in the client's words, and a hint may be given twice.
            let mut told = HashSet::new();
            encoded.dropped = lost.chain(hints).filter(|name| told.insert(name.clone())).collect();
            Ok(encoded)
        }
        None => Err(RequestError::NoTranslation { from, to: target.dialect }),
    }
}

/// Words a provider's plain answer (status 2xx) for the client: `from` is the provider's dialect,
/// `to` the client's.
///
/// # Errors
/// The body is an error in spite of its status, or no answer of its dialect.
pub fn transcode_reply(
    from: Dialect,
    to: Dialect,
    body: &Bytes,
    context: &ReplyContext,
) -> Result<Reply, ReplyError> {
    match route(to, from) {
        Some(Route::Native(pair)) => pair.rewrite_reply(body, context),
        Some(Route::Translated(client, provider)) => {
            let text = std::str::from_utf8(body)
                .map_err(|_| ReplyError::Garbage("it is not UTF-8".to_owned()))?;
            let mut facts = Facts::default();
            let mut reply = provider.decode_reply(text, &mut facts)?;
            facts.dropped_citations = reply.citations.len() > CITATIONS_MAX
                || !reply.citations.iter().all(|citation| client.carries(citation));
            reply.citations.truncate(CITATIONS_MAX);
            if facts.id.as_deref().is_none_or(str::is_empty) {
                facts.id.clone_from(&context.answer_id);
            }
            let body = client.encode_reply(&reply, &facts, context).into();
            Ok(Reply { body, facts })
        }
        None => Err(ReplyError::Garbage(format!("no translation from {from} to {to} exists"))),
    }
}

/// Whether answers in a dialect name the model they are of.
pub const fn tells_model(dialect: Dialect) -> bool {
    match dialect {
        Dialect::OpenaiChat
        | Dialect::AnthropicMessages
        | Dialect::OpenaiResponses
        | Dialect::GeminiGenerate => true,
        Dialect::BedrockConverse | Dialect::CohereChat => false,
    }
}

/// Reads a provider's error answer, whatever its shape.
pub fn decode_error(dialect: Dialect, status: u16, body: &[u8]) -> UpstreamError {
    endpoint(dialect).decode_error(status, body)
}

/// The header of an error answer that names the error, lower case, where the dialect has one.
pub fn error_type_header(dialect: Dialect) -> Option<&'static str> {
    endpoint(dialect).error_type_header()
}

/// The name of an error in a value of that header.
pub fn error_type(dialect: Dialect, value: &str) -> &str {
    endpoint(dialect).error_type(value)
}

/// Words an error in the client's dialect.
pub fn encode_error(dialect: Dialect, error: &ErrorBody) -> Bytes {
    // Clients speak this one only to rerank.
    if dialect == Dialect::CohereChat {
        return encode_rerank_error(error);
    }
    any_client(dialect).encode_error(error)
}

/// Words an error as the last event of a stream in the client's dialect. No clean end follows it.
pub fn encode_stream_error(dialect: Dialect, error: &ErrorBody) -> Bytes {
    any_client(dialect).encode_stream_error(error)
}

/// Words the list of models in the client's dialect.
pub fn encode_models(dialect: Dialect, models: &[ModelEntry]) -> Bytes {
    any_client(dialect).encode_models(models)
}

/// Words one model in the client's dialect.
pub fn encode_model(dialect: Dialect, model: &ModelEntry) -> Bytes {
    let list = encode_models(dialect, std::slice::from_ref(model));
    models::first_of(&list).unwrap_or(list)
}

/// Path of the chat operation and its query, to be appended to a base URL that ends in the API's
/// version (or whatever the provider's table row says). Borrowed where it is the same for every model.
pub fn endpoint_path(dialect: Dialect, model: &str, stream: bool) -> Cow<'static, str> {
    endpoint(dialect).path(model, stream)
}

/// Headers every request to a provider of this dialect carries: the credential, and a version where
/// the dialect has one ([`Encoded::headers`] may replace it).
pub fn auth_headers(dialect: Dialect, secret: &Secret) -> Vec<(&'static str, String)> {
    endpoint(dialect).auth_headers(secret)
}

/// Headers of a client to send along, lower case, when it speaks the provider's dialect: they choose
/// the version and the previews both sides speak, and go before those of [`auth_headers`]. No
/// translation sends them, because its words are our own.
pub fn passed_headers(dialect: Dialect) -> &'static [&'static str] {
    endpoint(dialect).passed_headers()
}

/// Path of the operation that counts the input of a request, below the same base URL as
/// [`endpoint_path`]; `None` when the dialect has none.
pub fn count_path(dialect: Dialect, model: &str) -> Option<Cow<'static, str>> {
    Some(counting(dialect)?.path(model))
}

/// Words a client's request to count for a target of its own dialect. For any other target
/// [`estimate_count`] stands in.
///
/// # Errors
/// The body is not a request, or the dialect counts nothing.
pub fn encode_count_request(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    let dialect = target.dialect;
    counting(dialect)
        .ok_or(RequestError::NoTranslation { from: dialect, to: dialect })?
        .rewrite_request(body, target)
}

/// Input tokens a provider counted; `None` when its answer tells none.
pub fn decode_count(dialect: Dialect, body: &[u8]) -> Option<u64> {
    counting(dialect)?.decode(std::str::from_utf8(body).ok()?)
}

/// Words a count of input tokens in the client's dialect.
pub fn encode_count(dialect: Dialect, input_tokens: u64) -> Bytes {
    any_client(dialect).encode_count(input_tokens)
}

/// Input tokens of a request to count them, an estimate where no provider counts for the client.
///
/// # Errors
/// The body is not such a request.
pub fn estimate_count(dialect: Dialect, body: &[u8]) -> Result<u64, RequestError> {
    let side = client(dialect)
        .ok_or(RequestError::NoTranslation { from: dialect, to: Dialect::OpenaiChat })?;
    Ok(tokens::estimate_request(&side.decode_count(utf8(body)?)?))
}

/// Input tokens of a request, an estimate by tokenizer. Work is bounded: a long body is counted in
/// part and scaled.
pub fn estimate_input_tokens(dialect: Dialect, body: &[u8]) -> u64 {
    let request =
        client(dialect).zip(utf8(body).ok()).and_then(|(side, text)| side.decode_count(text).ok());
    match request {
        Some(request) => tokens::estimate_request(&request),
        None => embeddings::estimate(body).unwrap_or_else(|| tokens::estimate_bytes(body.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_path_and_its_credential() {
        let secret = Secret::new("s3");
        for stream in [false, true] {
            assert_eq!(endpoint_path(Dialect::OpenaiChat, "m", stream), "/chat/completions");
            assert_eq!(endpoint_path(Dialect::AnthropicMessages, "m", stream), "/messages");
        }
        let bearer = auth_headers(Dialect::OpenaiChat, &secret);
        assert_eq!(bearer, [("authorization", "Bearer s3".to_owned())]);
        let keyed = auth_headers(Dialect::AnthropicMessages, &secret);
        assert_eq!(keyed[0], ("x-api-key", "s3".to_owned()));
        assert_eq!(keyed[1].0, "anthropic-version");
        let path = |stream| endpoint_path(Dialect::BedrockConverse, "us.x-v1:0", stream);
        assert_eq!(path(false), "/model/us.x-v1%3A0/converse");
        assert_eq!(path(true), "/model/us.x-v1%3A0/converse-stream");
        assert_eq!(endpoint_path(Dialect::CohereChat, "m", true), "/chat");
        for dialect in [Dialect::BedrockConverse, Dialect::CohereChat] {
            assert_eq!(auth_headers(dialect, &secret), bearer);
        }
        // Credentials of an account are never sent: they sign.
        let account = Secret::new("AKIAIOSFODNN7EXAMPLE:key");
        assert_eq!(auth_headers(Dialect::BedrockConverse, &account), []);
        assert_eq!(error_type_header(Dialect::BedrockConverse), Some("x-amzn-errortype"));
        assert_eq!(error_type(Dialect::BedrockConverse, "a.b#XException:http://y"), "XException");
        assert_eq!(error_type_header(Dialect::CohereChat), None);
    }

    #[test]
    fn what_a_request_loses_is_named_once_however_often_it_says_it() {
        let body = Bytes::from_static(
            br#"{"max_tokens":9,"messages":[{"role":"user","content":"x"}],"context_management":1,"context_management":2}"#,
        );
        let target = Target {
            dialect: Dialect::OpenaiChat,
            model: "m",
            max_output_tokens: None,
            drop_params: true,
        };
        let encoded = encode_request(Dialect::AnthropicMessages, &body, &target).unwrap();
        assert_eq!(encoded.dropped, ["context_management"]);
    }

    #[test]
    fn input_is_counted_by_the_provider_or_estimated() {
        let body = Bytes::from_static(
            br#"{"model":"alias","messages":[{"role":"user","content":"one two"}],"session_id":"s"}"#,
        );
        let dialect = Dialect::AnthropicMessages;
        let target = Target { dialect, model: "m", max_output_tokens: Some(5), drop_params: false };
        let sent = encode_count_request(&body, &target).unwrap().body;
        let expected = br#"{"model":"m","messages":[{"role":"user","content":"one two"}]}"#;
        assert_eq!(sent.whole(), expected.as_slice());
        assert_eq!(count_path(dialect, "m").as_deref(), Some("/messages/count_tokens"));
        assert_eq!(decode_count(dialect, br#"{"input_tokens":42}"#), Some(42));
        assert_eq!(decode_count(dialect, b"{}"), None);
        assert!(estimate_count(dialect, &body).unwrap() >= 2);
        assert!(estimate_count(dialect, b"{}").is_err());
        assert_eq!(encode_count(dialect, 42), r#"{"input_tokens":42}"#);
        assert_eq!(passed_headers(dialect), ["anthropic-version", "anthropic-beta"]);
    }

    #[test]
    fn a_dialect_no_client_may_speak_yet_is_refused_with_its_name() {
        let error = peek(Dialect::BedrockConverse, b"{}").unwrap_err();
        assert_eq!((error.code(), error.param()), ("unsupported_dialect", None));
        assert!(error.to_string().contains("bedrock_converse"));
    }
}
