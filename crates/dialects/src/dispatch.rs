//! The crate's functions, each told its dialect: the one place that knows which dialects there are.

use bytes::Bytes;
use events::Dialect;
use units::Secret;

use crate::anthropic::Anthropic;
use crate::error::{ErrorBody, UpstreamError};
use crate::models::ModelEntry;
use crate::openai::Openai;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, Peek, RequestError, Target, utf8};
use crate::tokens;
use crate::wire::{ClientSide, Endpoint, NativePair, ProviderSide};

/// Path, credential and errors of a dialect; `None` for one that no provider is spoken to in yet.
fn endpoint(dialect: Dialect) -> Option<&'static dyn Endpoint> {
    match dialect {
        Dialect::OpenaiChat => Some(&Openai),
        Dialect::AnthropicMessages => Some(&Anthropic),
        Dialect::OpenaiResponses
        | Dialect::GeminiGenerate
        | Dialect::BedrockConverse
        | Dialect::CohereChat => None,
    }
}

/// The dialects clients may speak.
fn client(dialect: Dialect) -> Option<&'static dyn ClientSide> {
    match dialect {
        Dialect::OpenaiChat => Some(&Openai),
        Dialect::AnthropicMessages => None,
        Dialect::OpenaiResponses => None,
        Dialect::GeminiGenerate => None,
        Dialect::BedrockConverse | Dialect::CohereChat => None,
    }
}

/// The dialects providers are spoken to in behind a translation.
fn provider(dialect: Dialect) -> Option<&'static dyn ProviderSide> {
    match dialect {
        Dialect::OpenaiChat => None,
        Dialect::AnthropicMessages => Some(&Anthropic),
        Dialect::OpenaiResponses => None,
        Dialect::GeminiGenerate => None,
        Dialect::BedrockConverse => None,
        Dialect::CohereChat => None,
    }
}

/// The dialects that pass through where client and provider both speak them.
fn native(dialect: Dialect) -> Option<&'static dyn NativePair> {
    match dialect {
        Dialect::OpenaiChat => Some(&Openai),
        Dialect::AnthropicMessages => None,
        Dialect::OpenaiResponses => None,
        Dialect::GeminiGenerate => None,
        Dialect::BedrockConverse | Dialect::CohereChat => None,
    }
}

/// The client side for words that must be found in any case: a client of a dialect that is not
/// served was refused before, in these words.
fn any_client(dialect: Dialect) -> &'static dyn ClientSide {
    client(dialect).unwrap_or(&Openai)
}

/// Path, credential and errors for words that must be found in any case: a target in a dialect that
/// cannot be spoken is refused before it is asked.
fn any_endpoint(dialect: Dialect) -> &'static dyn Endpoint {
    endpoint(dialect).unwrap_or(&Openai)
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
    side.peek(body)
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
    match route(from, target.dialect) {
        Some(Route::Native(pair)) => pair.rewrite_request(body, target),
        Some(Route::Translated(client, provider)) => {
            let request = client.decode_request(utf8(body)?)?;
            provider.encode_request(&request, target)
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
            let reply = provider.decode_reply(text, &mut facts)?;
            let body = client.encode_reply(&reply, &facts, context).into();
            Ok(Reply { body, facts })
        }
        None => Err(ReplyError::Garbage(format!("no translation from {from} to {to} exists"))),
    }
}

/// Reads a provider's error answer, whatever its shape.
pub fn decode_error(dialect: Dialect, status: u16, body: &[u8]) -> UpstreamError {
    any_endpoint(dialect).decode_error(status, body)
}

/// Words an error in the client's dialect.
pub fn encode_error(dialect: Dialect, error: &ErrorBody) -> Bytes {
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

/// Path of the chat operation, to be appended to a base URL that ends in the API's version.
pub fn endpoint_path(dialect: Dialect) -> &'static str {
    any_endpoint(dialect).path()
}

/// Headers every request to a provider of this dialect carries: the credential, and a version where
/// the dialect has one ([`Encoded::headers`] may replace it).
pub fn auth_headers(dialect: Dialect, secret: &Secret) -> Vec<(&'static str, String)> {
    any_endpoint(dialect).auth_headers(secret)
}

/// Input tokens of a request, an estimate by tokenizer. Work is bounded: a long body is counted in
/// part and scaled.
pub fn estimate_input_tokens(dialect: Dialect, body: &[u8]) -> u64 {
    let request = client(dialect)
        .zip(utf8(body).ok())
        .and_then(|(side, text)| side.decode_request(text).ok());
    match request {
        Some(request) => tokens::estimate_request(&request),
        None => tokens::estimate_bytes(body.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_path_and_its_credential() {
        let secret = Secret::new("s3");
        assert_eq!(endpoint_path(Dialect::OpenaiChat), "/chat/completions");
        assert_eq!(endpoint_path(Dialect::AnthropicMessages), "/messages");
        let bearer = auth_headers(Dialect::OpenaiChat, &secret);
        assert_eq!(bearer, [("authorization", "Bearer s3".to_owned())]);
        let keyed = auth_headers(Dialect::AnthropicMessages, &secret);
        assert_eq!(keyed[0], ("x-api-key", "s3".to_owned()));
        assert_eq!(keyed[1].0, "anthropic-version");
    }

    #[test]
    fn a_dialect_no_client_may_speak_yet_is_refused_with_its_name() {
        let error = peek(Dialect::AnthropicMessages, b"{}").unwrap_err();
        assert_eq!((error.code(), error.param()), ("unsupported_dialect", None));
        assert!(error.to_string().contains("anthropic_messages"));
    }
}
