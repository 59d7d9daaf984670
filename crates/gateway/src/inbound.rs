//! What a path asks for, and in whose dialect: the one place that knows the addresses clients call.

use std::borrow::Cow;

use dialects::{
    EmbeddingsPeek, OpenaiOperation, PathModel, Peek, RequestError, RerankPeek, VectorShape, Verb,
};
use events::{Dialect, ErrorClass};
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;

use crate::failure::Failure;
use crate::ledger::Metering;
use crate::passthrough::address::{Pass, address};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// An answer of a model.
    Chat,
    /// An answer of a model, as OpenAI's oldest operation words it.
    Completions,
    /// Vectors of texts.
    Embeddings,
    /// Ranks of texts for a query.
    Rerank,
    /// How many tokens a request has.
    CountTokens,
    /// The models there are, or one of them.
    Models,
    /// A session of messages in both directions.
    Realtime,
    /// Pictures, speech and the like, passed on to where the model is routed.
    Media(OpenaiOperation),
    /// Whatever a provider offers below its base URL.
    Pass,
}

/// What a provider is to do for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Chat,
    Completions,
    /// Vectors, in the shape the client wants.
    Embeddings {
        shape: VectorShape,
        /// Input tokens, an estimate.
        tokens: u64,
    },
    /// Ranks.
    Rerank {
        /// Searches it is billed as where that is what is billed, an estimate.
        searches: u64,
    },
}

impl Work {
    /// The operation as rows name it.
    pub(crate) const fn endpoint(self) -> &'static str {
        match self {
            Work::Chat => "chat",
            Work::Completions => "completions",
            Work::Embeddings { .. } => "embeddings",
            Work::Rerank { .. } => "rerank",
        }
    }
}

impl Work {
    /// How it is known what it used.
    pub(crate) const fn metering(self) -> Metering {
        match self {
            Work::Chat | Work::Completions | Work::Embeddings { .. } => Metering::Usual,
            // Who bills by the search is not billed by anything a tokenizer counts.
            Work::Rerank { .. } => Metering::Told,
        }
    }
}

/// A request's address, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inbound {
    /// What the client speaks.
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    /// The model, where the address names it.
    pub(crate) model: Option<String>,
    /// What an address of Google's says of the request.
    pub(crate) path: Option<PathModel>,
    /// To whom and where it is passed on, where no model says so.
    pub(crate) pass: Option<Pass>,
}

impl Inbound {
    fn new(dialect: Dialect, operation: Operation, model: Option<String>) -> Self {
        Self { dialect, operation, model, path: None, pass: None }
    }

    /// What routing needs of the body, and what the address says of it.
    ///
    /// # Errors
    /// Those of [`dialects::peek`] and its like for other operations.
    pub(crate) fn peek(&self, body: &[u8]) -> Result<(Peek, Work), RequestError> {
        if self.operation == Operation::Embeddings {
            let told = match &self.path {
                Some(path) => dialects::peek_contents(path.verb, &path.model, body)?,
                None => dialects::peek_embeddings(body)?,
            };
            let EmbeddingsPeek { mut peek, format, estimated_tokens: tokens, .. } = told;
            // Vectors are not billed by what comes out.
            peek.max_output_tokens = Some(0);
            let list = VectorShape::List(format);
            let shape = self.path.as_ref().map_or(list, |path| VectorShape::Contents(path.verb));
            return Ok((peek, Work::Embeddings { shape, tokens }));
        }
        if self.operation == Operation::Rerank {
            let RerankPeek { mut peek, estimated_searches, .. } = dialects::peek_rerank(body)?;
            peek.max_output_tokens = Some(0);
            return Ok((peek, Work::Rerank { searches: estimated_searches }));
        }
        if self.operation == Operation::Completions {
            return Ok((dialects::peek_completion(body)?, Work::Completions));
        }
        let peek = match &self.path {
            Some(path) => dialects::peek_at(self.dialect, path, body)?,
            None => dialects::peek(self.dialect, body)?,
        };
        Ok((peek, Work::Chat))
    }
}

/// What an address means; `method` must fit it.
///
/// # Errors
/// 404 for an address nobody serves, 405 for the wrong method. Told in the dialect of
/// [`dialect_of`].
pub(crate) fn inbound(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Inbound, Failure> {
    if let Some(pass) = address(uri, headers) {
        let pass = Some(pass?);
        let dialect = dialect_of(uri.path(), headers);
        return Ok(Inbound { pass, ..Inbound::new(dialect, Operation::Pass, None) });
    }
    let path = uri.path().trim_end_matches('/');
    let Some(found) = find(path, uri.query(), headers) else { return Err(not_found()) };
    let is_read = *method == Method::GET || *method == Method::HEAD;
    match found.operation {
        Operation::Models | Operation::Realtime if !is_read => Err(wrong_method("GET", path)),
        Operation::Chat
        | Operation::Completions
        | Operation::Embeddings
        | Operation::Rerank
        | Operation::Media(_)
        | Operation::CountTokens
            if *method != Method::POST =>
        {
            Err(wrong_method("POST", path))
        }
        _ => Ok(found),
    }
}

/// The dialect errors are told in at an address, whether or not it is served.
pub(crate) fn dialect_of(path: &str, headers: &HeaderMap) -> Dialect {
    find(path.trim_end_matches('/'), None, headers).map_or_else(
        || match path {
            _ if path.starts_with("/v1beta/") => Dialect::GeminiGenerate,
            _ if path.starts_with("/v1/messages") => Dialect::AnthropicMessages,
            _ => by_headers(headers),
        },
        |found| found.dialect,
    )
}

fn find(path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Inbound> {
    let chat = |dialect| Some(Inbound::new(dialect, Operation::Chat, None));
    let count = |dialect| Some(Inbound::new(dialect, Operation::CountTokens, None));
    match path {
        "/v1/chat/completions" | "/openai/v1/chat/completions" => chat(Dialect::OpenaiChat),
        "/v1/responses" | "/openai/v1/responses" | "/openai/responses" => {
            chat(Dialect::OpenaiResponses)
        }
        "/v1/messages" => chat(Dialect::AnthropicMessages),
        "/v1/messages/count_tokens" => count(Dialect::AnthropicMessages),
        "/v1/responses/input_tokens" | "/openai/v1/responses/input_tokens" => {
            count(Dialect::OpenaiResponses)
        }
        "/v1/completions" | "/openai/v1/completions" => {
            Some(Inbound::new(Dialect::OpenaiChat, Operation::Completions, None))
        }
        "/v1/embeddings" | "/openai/v1/embeddings" => {
            Some(Inbound::new(Dialect::OpenaiChat, Operation::Embeddings, None))
        }
        "/rerank" | "/v1/rerank" | "/v2/rerank" => {
            Some(Inbound::new(Dialect::CohereChat, Operation::Rerank, None))
        }
        "/v1/realtime" | "/openai/v1/realtime" => {
            Some(Inbound::new(Dialect::OpenaiChat, Operation::Realtime, None))
        }
        "/v1/models" => Some(models(by_headers(headers), None)),
        "/openai/v1/models" => Some(models(Dialect::OpenaiChat, None)),
        "/v1beta/models" => Some(models(Dialect::GeminiGenerate, None)),
        _ => media(path)
            .or_else(|| deployment(path))
            .or_else(|| with_verb(path, query))
            .or_else(|| model(path, headers)),
    }
}

fn models(dialect: Dialect, model: Option<String>) -> Inbound {
    Inbound::new(dialect, Operation::Models, model)
}

/// Operations of OpenAI's that are passed on to where their model is routed.
fn media(path: &str) -> Option<Inbound> {
    let below = path.strip_prefix("/openai/v1").or_else(|| path.strip_prefix("/v1"))?;
    let operation = OpenaiOperation::ALL.into_iter().find(|known| known.path() == below)?;
    Some(Inbound::new(Dialect::OpenaiChat, Operation::Media(operation), None))
}

/// Azure's addresses name the deployment, which the body names again as its model.
fn deployment(path: &str) -> Option<Inbound> {
    let (name, operation) = path.strip_prefix("/openai/deployments/")?.split_once('/')?;
    let operation = match operation {
        "chat/completions" => Operation::Chat,
        "embeddings" => Operation::Embeddings,
        _ => return None,
    };
    (!name.is_empty()).then(|| Inbound::new(Dialect::OpenaiChat, operation, Some(decoded(name))))
}

/// An address below `models` without a verb is the model itself.
fn model(path: &str, headers: &HeaderMap) -> Option<Inbound> {
    let below = |prefix| path.strip_prefix(prefix).filter(|name: &&str| !name.is_empty());
    let (name, dialect) = match below("/v1beta/models/") {
        Some(name) => (name, Dialect::GeminiGenerate),
        None => (below("/v1/models/")?, by_headers(headers)),
    };
    Some(models(dialect, Some(decoded(name))))
}

/// Google's addresses name the model and what to do with it.
fn with_verb(path: &str, query: Option<&str>) -> Option<Inbound> {
    let named = PathModel::parse(path, query)?;
    let operation = match named.verb {
        Verb::Generate | Verb::StreamGenerate => Operation::Chat,
        Verb::CountTokens => Operation::CountTokens,
        Verb::EmbedContent | Verb::BatchEmbedContents => Operation::Embeddings,
    };
    Some(Inbound {
        model: Some(named.model.clone()),
        path: Some(named),
        ..Inbound::new(Dialect::GeminiGenerate, operation, None)
    })
}

/// Clients of different dialects ask the same address for models: their headers tell them apart.
fn by_headers(headers: &HeaderMap) -> Dialect {
    if headers.contains_key("x-goog-api-key") {
        Dialect::GeminiGenerate
    } else if headers.contains_key("anthropic-version") {
        Dialect::AnthropicMessages
    } else {
        Dialect::OpenaiChat
    }
}

fn decoded(name: &str) -> String {
    percent_decode_str(name).decode_utf8().map_or_else(|_| name.to_owned(), Cow::into_owned)
}

fn not_found() -> Failure {
    Failure::new(
        ErrorClass::NotFound,
        404,
        "path_not_found",
        "no such path: this gateway serves POST /v1/chat/completions, /v1/responses, /v1/messages, \
         /v1/embeddings, /v1/rerank, /v1beta/models/{model}:generateContent and GET /v1/models",
    )
}

fn wrong_method(method: &str, path: &str) -> Failure {
    let path: String = path.chars().take(200).collect();
    let message = format!("use {method} for {path}");
    Failure::new(ErrorClass::InvalidRequest, 405, "method_not_allowed", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: Option<&'static str>) -> HeaderMap {
        name.map(|name| (http::HeaderName::from_static(name), "x".parse().unwrap()))
            .into_iter()
            .collect()
    }

    #[test]
    fn each_address_has_its_dialect_operation_and_model() {
        let chat = Operation::Chat;
        for (path, header, dialect, operation, model) in [
            ("/v1/chat/completions", None, Dialect::OpenaiChat, chat, None),
            ("/v1/chat/completions/", None, Dialect::OpenaiChat, chat, None),
            (
                "/openai/deployments/my%20gpt/chat/completions",
                None,
                Dialect::OpenaiChat,
                chat,
                Some("my gpt"),
            ),
            ("/v1/embeddings", None, Dialect::OpenaiChat, Operation::Embeddings, None),
            ("/openai/v1/chat/completions", None, Dialect::OpenaiChat, chat, None),
            ("/v1/responses", None, Dialect::OpenaiResponses, chat, None),
            (
                "/v1/responses/input_tokens",
                None,
                Dialect::OpenaiResponses,
                Operation::CountTokens,
                None,
            ),
            ("/v1/messages", None, Dialect::AnthropicMessages, chat, None),
            (
                "/v1/messages/count_tokens",
                None,
                Dialect::AnthropicMessages,
                Operation::CountTokens,
                None,
            ),
            ("/v1beta/models/g:generateContent", None, Dialect::GeminiGenerate, chat, Some("g")),
            (
                "/v1/models/a:b:streamGenerateContent",
                None,
                Dialect::GeminiGenerate,
                chat,
                Some("a:b"),
            ),
            (
                "/v1beta/models/g:countTokens",
                None,
                Dialect::GeminiGenerate,
                Operation::CountTokens,
                Some("g"),
            ),
            (
                "/v1/models/e:batchEmbedContents",
                None,
                Dialect::GeminiGenerate,
                Operation::Embeddings,
                Some("e"),
            ),
            ("/v2/rerank", None, Dialect::CohereChat, Operation::Rerank, None),
            ("/v1/completions", None, Dialect::OpenaiChat, Operation::Completions, None),
            (
                "/v1/images/edits",
                None,
                Dialect::OpenaiChat,
                Operation::Media(OpenaiOperation::ImagesEdits),
                None,
            ),
            (
                "/openai/v1/audio/speech",
                None,
                Dialect::OpenaiChat,
                Operation::Media(OpenaiOperation::Speech),
                None,
            ),
            ("/v1/batches/b", None, Dialect::OpenaiChat, Operation::Pass, None),
            (
                "/v1/files",
                Some("anthropic-version"),
                Dialect::AnthropicMessages,
                Operation::Pass,
                None,
            ),
            ("/v1/messages/batches", None, Dialect::AnthropicMessages, Operation::Pass, None),
            ("/v1/models", None, Dialect::OpenaiChat, Operation::Models, None),
            (
                "/v1/models",
                Some("anthropic-version"),
                Dialect::AnthropicMessages,
                Operation::Models,
                None,
            ),
            (
                "/v1/models/m",
                Some("x-goog-api-key"),
                Dialect::GeminiGenerate,
                Operation::Models,
                Some("m"),
            ),
            ("/v1beta/models", None, Dialect::GeminiGenerate, Operation::Models, None),
        ] {
            let method = if operation == Operation::Models { Method::GET } else { Method::POST };
            let found = inbound(&method, &path.parse().unwrap(), &headers(header)).unwrap();
            assert_eq!(
                (found.dialect, found.operation, found.model.as_deref()),
                (dialect, operation, model),
                "{path}"
            );
        }
    }

    #[test]
    fn an_address_nobody_serves_is_refused_in_the_dialect_it_looks_like() {
        for (method, path, status, dialect) in [
            (Method::POST, "/v1/nothing", 404, Dialect::OpenaiChat),
            (Method::POST, "/v1beta/models/g:nothing", 405, Dialect::GeminiGenerate),
            (Method::POST, "/v1beta/files", 404, Dialect::GeminiGenerate),
            (Method::GET, "/v1/images/edits", 405, Dialect::OpenaiChat),
            (Method::GET, "/passthrough/openai/../x", 400, Dialect::OpenaiChat),
            (Method::GET, "/v1/messages", 405, Dialect::AnthropicMessages),
            (Method::POST, "/v1/models", 405, Dialect::OpenaiChat),
            (Method::POST, "/v1/realtime", 405, Dialect::OpenaiChat),
        ] {
            let failure = inbound(&method, &path.parse().unwrap(), &headers(None)).unwrap_err();
            assert_eq!(failure.status, status, "{path}");
            assert_eq!(dialect_of(path, &headers(None)), dialect, "{path}");
        }
    }
}
