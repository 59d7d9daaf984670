//! OpenAI's operations beside chat, responses and embeddings, that name a model: what routing needs of
//! their bodies, JSON or a form, and the one member that changes on the way to a provider.

use bytes::Bytes;
use events::{Dialect, Meter, Meters};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::form::Form;
use crate::json::{Edit, List, Object, Text, text_of};
use crate::own::{OWN_FIELDS, label, labels, typed};
use crate::request::{Encoded, Peek, RequestError, Target, utf8};

/// Output a legacy completion has where the client sets no limit, tokens (OpenAI's API reference of
/// `max_tokens`, read 2026-11-23).
const COMPLETION_TOKENS: u64 = 16;

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenaiOperation {
    /// Pictures from a text.
    ImagesGenerations,
    /// Pictures from pictures and a text.
    ImagesEdits,
    /// Pictures like a picture.
    ImagesVariations,
    /// Speech to text.
    Transcriptions,
    /// Speech to English text.
    Translations,
    /// Text to speech.
    Speech,
    /// Whether a text is harmful.
    Moderations,
}

/// What the gateway needs to know of such a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationPeek {
    /// What routing and attribution need.
    pub peek: Peek,
    /// What will be used as far as the request itself tells: characters spoken, pictures asked for.
    pub expected: Meters,
}

impl OpenaiOperation {
    /// All of them.
    pub const ALL: [OpenaiOperation; 7] = [
        OpenaiOperation::ImagesGenerations,
        OpenaiOperation::ImagesEdits,
        OpenaiOperation::ImagesVariations,
        OpenaiOperation::Transcriptions,
        OpenaiOperation::Translations,
        OpenaiOperation::Speech,
        OpenaiOperation::Moderations,
    ];

    /// Path, to be appended to a base URL that ends in the API's version.
    pub const fn path(self) -> &'static str {
        match self {
            OpenaiOperation::ImagesGenerations => "/images/generations",
            OpenaiOperation::ImagesEdits => "/images/edits",
            OpenaiOperation::ImagesVariations => "/images/variations",
            OpenaiOperation::Transcriptions => "/audio/transcriptions",
            OpenaiOperation::Translations => "/audio/translations",
            OpenaiOperation::Speech => "/audio/speech",
            OpenaiOperation::Moderations => "/moderations",
        }
    }

    /// The operation as rows name it.
    pub const fn endpoint(self) -> &'static str {
        match self {
            OpenaiOperation::ImagesGenerations => "images.generations",
            OpenaiOperation::ImagesEdits => "images.edits",
            OpenaiOperation::ImagesVariations => "images.variations",
            OpenaiOperation::Transcriptions => "audio.transcriptions",
            OpenaiOperation::Translations => "audio.translations",
            OpenaiOperation::Speech => "audio.speech",
            OpenaiOperation::Moderations => "moderations",
        }
    }

    /// The operation a path ends in, whatever stands before it.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| path.ends_with(operation.path()))
    }

    /// Whether its answers hold pictures.
    pub(crate) const fn draws(self) -> bool {
        matches!(
            self,
            OpenaiOperation::ImagesGenerations
                | OpenaiOperation::ImagesEdits
                | OpenaiOperation::ImagesVariations
        )
    }

    /// The model meant where none is named (OpenAI's API reference, read 2026-11-23).
    const fn model(self) -> Option<&'static str> {
        match self {
            OpenaiOperation::Moderations => Some("omni-moderation-latest"),
            OpenaiOperation::ImagesVariations => Some("dall-e-2"),
            OpenaiOperation::ImagesGenerations
            | OpenaiOperation::ImagesEdits
            | OpenaiOperation::Transcriptions
            | OpenaiOperation::Translations
            | OpenaiOperation::Speech => None,
        }
    }

    fn expected(self, choices: u32, input: Option<&str>) -> Meters {
        match (self, input) {
            (OpenaiOperation::Speech, Some(text)) => {
                Meters::NONE.with(Meter::Characters, text.chars().count() as u64)
            }
            _ if self.draws() => Meters::NONE.with(Meter::Images, u64::from(choices)),
            _ => Meters::NONE,
        }
    }
}

/// The members that matter.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    n: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

/// Reads what routing and attribution need of a request.
///
/// # Errors
/// The body is neither a JSON object nor a form, names no model, or names two.
pub fn peek_operation(
    operation: OpenaiOperation,
    content_type: &str,
    body: &[u8],
) -> Result<OperationPeek, RequestError> {
    let mut told = match form(content_type, body)? {
        Some(form) => peek_form(operation, &form)?,
        None => peek_json(operation, body)?,
    };
    if told.peek.model.is_empty() {
        told.peek.model =
            operation.model().ok_or_else(|| RequestError::missing("model"))?.to_owned();
    }
    Ok(told)
}

fn peek_json(operation: OpenaiOperation, body: &[u8]) -> Result<OperationPeek, RequestError> {
    let read: Body<'_> =
        serde_json::from_str(utf8(body)?).map_err(|e| RequestError::malformed(&e))?;
    let model = read.model.map(|raw| typed::<String>("model", raw)).transpose()?;
    let choices: u32 = read.n.map(|raw| typed("n", raw)).transpose()?.unwrap_or(1).max(1);
    let input = read.input.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
    let (metadata, tags) = labels(read.metadata);
    let peek = Peek {
        model: model.unwrap_or_default(),
        stream: read.stream.map(|raw| typed("stream", raw)).transpose()?.unwrap_or(false),
        choices,
        user: label(read.user),
        metadata,
        tags,
        ..Peek::default()
    };
    let expected = operation.expected(choices, input.as_ref().map(Text::as_str));
    Ok(OperationPeek { peek, expected })
}

fn peek_form(operation: OpenaiOperation, form: &Form<'_>) -> Result<OperationPeek, RequestError> {
    let field = |name| form.text(name).map(str::to_owned);
    let choices = form.text("n").map(str::parse::<u32>).transpose();
    let choices = choices.map_err(|e| RequestError::invalid("n", e.to_string()))?;
    let peek = Peek {
        model: field("model").unwrap_or_default(),
        stream: form.text("stream") == Some("true"),
        choices: choices.unwrap_or(1).max(1),
        user: field("user"),
        ..Peek::default()
    };
    let expected = operation.expected(peek.choices, None);
    Ok(OperationPeek { peek, expected })
}

/// Words a client's request for a target: only the model changes.
///
/// # Errors
/// The body is neither a JSON object nor a form, or the target's dialect has no such operation.
pub fn encode_operation(
    content_type: &str,
    body: &Bytes,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if !matches!(target.dialect, Dialect::OpenaiChat | Dialect::OpenaiResponses) {
        let to = target.dialect;
        return Err(RequestError::NoTranslation { from: Dialect::OpenaiChat, to });
    }
    let body = match form(content_type, body)? {
        Some(form) if form.text("model") == Some(target.model) => body.clone().into(),
        Some(form) => form.with("model", target.model).into(),
        None => {
            let model = text_of(target.model);
            let members = members(body)?;
            let has_model = members.iter().any(|(key, _)| key == "model");
            let added = if has_model { vec![] } else { vec![("model", model.clone())] };
            let edit = |key: &str, json: &str| match key {
                "model" => (json != model).then(|| Edit::Replace(model.clone())),
                _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
                _ => None,
            };
            members.respelled(body, edit, &added)
        }
    };
    Ok(Encoded { body, dropped: Vec::new(), headers: Vec::new(), max_output_tokens: None })
}

/// The form a body is; `None` where its type says that it is JSON.
pub(crate) fn form<'a>(
    content_type: &str,
    body: &'a [u8],
) -> Result<Option<Form<'a>>, RequestError> {
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Ok(None);
    }
    let form = Form::scan(content_type, body)
        .ok_or_else(|| RequestError::invalid("body", "it must be a multipart form"))?;
    match form.count("model") {
        0 | 1 => Ok(Some(form)),
        _ => Err(RequestError::invalid("model", "it is there more than once")),
    }
}

pub(crate) fn members(body: &[u8]) -> Result<Object<'_>, RequestError> {
    let text = utf8(body)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| RequestError::malformed(&e))?;
    Object::scan(text).ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))
}

/// The members of a legacy completion that say how much comes out.
#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    best_of: Option<&'a RawValue>,
}

/// Path of legacy completions, to be appended to a base URL that ends in the API's version.
pub const fn completions_path() -> &'static str {
    "/completions"
}

/// Reads what routing and attribution need of a legacy completion.
///
/// # Errors
/// As for [`crate::peek`].
pub fn peek_completion(body: &[u8]) -> Result<Peek, RequestError> {
    let mut peek = crate::peek(Dialect::OpenaiChat, body)?;
    let read: Completion<'_> =
        serde_json::from_str(utf8(body)?).map_err(|e| RequestError::malformed(&e))?;
    let best_of: u32 = read.best_of.map(|raw| typed("best_of", raw)).transpose()?.unwrap_or(1);
    let prompts = read.prompt.map_or(1, |raw| prompts(raw.get()));
    peek.choices = peek.choices.max(best_of).saturating_mul(prompts);
    peek.max_output_tokens = peek.max_output_tokens.or(Some(COMPLETION_TOKENS));
    Ok(peek)
}

/// How many prompts there are: a list of texts or of lists of tokens is several, a list of tokens one.
fn prompts(json: &str) -> u32 {
    let Ok(List(items)) = serde_json::from_str::<List<&RawValue>>(json) else { return 1 };
    let is_prompt = |raw: &&RawValue| raw.get().starts_with(['"', '[']);
    let several = items.iter().filter(|raw| is_prompt(raw)).count();
    u32::try_from(several).unwrap_or(u32::MAX).max(1)
}

/// Words a client's legacy completion for a target.
///
/// # Errors
/// As for [`crate::encode_request`]; only targets of OpenAI's own dialect know it.
pub fn encode_completion(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    if target.dialect != Dialect::OpenaiChat {
        let to = target.dialect;
        return Err(RequestError::NoTranslation { from: Dialect::OpenaiChat, to });
    }
    // These models know no other name of the limit, whatever chat calls it.
    let limited = match target.max_output_tokens {
        None => None,
        Some(limit) => {
            let members = members(body)?;
            let has_limit = members.iter().any(|(key, _)| key == "max_tokens");
            let added = if has_limit { vec![] } else { vec![("max_tokens", limit.to_string())] };
            let edit = |key: &str, json: &str| {
                let is_more = crate::json::whole(json).is_none_or(|asked| asked > limit);
                (key == "max_tokens" && is_more).then(|| Edit::Replace(limit.to_string()))
            };
            members.rewrite(edit, &added).map(Bytes::from)
        }
    };
    let unlimited = Target { max_output_tokens: None, ..*target };
    let body = limited.as_ref().unwrap_or(body);
    let encoded = crate::encode_request(Dialect::OpenaiChat, body, &unlimited)?;
    Ok(Encoded { max_output_tokens: target.max_output_tokens, ..encoded })
}

#[cfg(test)]
mod tests;
