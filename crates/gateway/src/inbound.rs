//! What a path asks for, and in whose dialect: the one place that knows the addresses clients call.

use std::borrow::Cow;

use bytes::Bytes;
use dialects::{
    EmbeddingsPeek, OpenaiOperation, PathModel, Peek, RequestError, RerankPeek, VectorShape, Verb,
};
use events::{Dialect, ErrorClass};
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;

use crate::body::MemoryShare;
use crate::failure::Failure;
use crate::ledger::Metering;
use crate::passthrough::address::{Pass, address};

/// What clients of OpenAI's API put before its operations; the last is Azure's for whatever no
/// deployment serves.
const OPENAI_VERSIONS: [&str; 3] = ["/v1", "/openai/v1", "/openai"];
/// Operations that Azure's clients ask a deployment for (openai 3.54 of PyPI, `lib/azure.py`). What
/// another of them ends in comes after it.
const DEPLOYED: [&str; 8] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/audio/transcriptions",
    "/audio/translations",
    "/audio/speech",
    "/images/generations",
    "/images/edits",
];

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

    /// The body, which names what the address names where that is a deployment and nothing else.
    ///
    /// # Errors
    /// 400 for a body that can name none, 503 where there is no memory for another copy of it.
    pub(crate) fn named(
        &self,
        content_type: &str,
        body: Bytes,
        share: &mut MemoryShare,
    ) -> Result<Bytes, Failure> {
        let deployment = self.model.as_deref().filter(|_| self.path.is_none());
        let Some(deployment) = deployment else { return Ok(body) };
        let named = dialects::name_model(content_type, &body, deployment)
            .map_err(|error| Failure::request(&error))?;
        if named.as_ptr() != body.as_ptr() {
            share.grow(named.len())?;
        }
        Ok(named)
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
        "/v1/messages" => chat(Dialect::AnthropicMessages),
        "/v1/messages/count_tokens" => count(Dialect::AnthropicMessages),
        "/rerank" | "/v1/rerank" | "/v2/rerank" => {
            Some(Inbound::new(Dialect::CohereChat, Operation::Rerank, None))
        }
        "/v1/models" => Some(models(by_headers(headers), None)),
        "/openai/v1/models" | "/openai/models" => Some(models(Dialect::OpenaiChat, None)),
        "/v1beta/models" => Some(models(Dialect::GeminiGenerate, None)),
        _ => of_openai(path)
            .or_else(|| deployment(path))
            .or_else(|| with_verb(path, query))
            .or_else(|| model(path, headers)),
    }
}

/// An operation of OpenAI's below any of the versions its clients put before it.
fn of_openai(path: &str) -> Option<Inbound> {
    OPENAI_VERSIONS.iter().find_map(|version| openai_operation(path.strip_prefix(version)?))
}

/// An operation of OpenAI's, by its path below the API's version.
fn openai_operation(below: &str) -> Option<Inbound> {
    let (dialect, operation) = match below {
        "/chat/completions" => (Dialect::OpenaiChat, Operation::Chat),
        "/responses" => (Dialect::OpenaiResponses, Operation::Chat),
        "/responses/input_tokens" => (Dialect::OpenaiResponses, Operation::CountTokens),
        "/completions" => (Dialect::OpenaiChat, Operation::Completions),
        "/embeddings" => (Dialect::OpenaiChat, Operation::Embeddings),
        "/realtime" => (Dialect::OpenaiChat, Operation::Realtime),
        _ => {
            let media = OpenaiOperation::ALL.into_iter().find(|known| known.path() == below)?;
            (Dialect::OpenaiChat, Operation::Media(media))
        }
    };
    Some(Inbound::new(dialect, operation, None))
}

fn models(dialect: Dialect, model: Option<String>) -> Inbound {
    Inbound::new(dialect, Operation::Models, model)
}

/// Azure's addresses name the deployment, which decides whatever model the body names.
fn deployment(path: &str) -> Option<Inbound> {
    let rest = path.strip_prefix("/openai/deployments/")?;
    let (name, below) =
        DEPLOYED.iter().find_map(|below| Some((rest.strip_suffix(below)?, *below)))?;
    let asked = openai_operation(below).filter(|_| !name.is_empty())?;
    Some(Inbound { model: Some(decoded(name)), ..asked })
}

/// An address below `models` without a verb is the model itself.
fn model(path: &str, headers: &HeaderMap) -> Option<Inbound> {
    let below = |prefix| path.strip_prefix(prefix).filter(|name: &&str| !name.is_empty());
    let of_openai = || below("/openai/v1/models/").or_else(|| below("/openai/models/"));
    let (name, dialect) = match (below("/v1beta/models/"), of_openai()) {
        (Some(name), _) => (name, Dialect::GeminiGenerate),
        (None, Some(name)) => (name, Dialect::OpenaiChat),
        (None, None) => (below("/v1/models/")?, by_headers(headers)),
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
mod tests;
