//! The conversation of the neutral chat as this dialect words it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::encode::arguments_object;
use super::generation::Generation;
use super::parts::OUTPUTS;
use super::signature::{UNKNOWN, native};
use crate::chat::{Content, Image, Part, Role, Turn};
use crate::json::{Object, text_of};
use crate::request::{Losses, RequestError};

/// The system's words and the messages.
pub(super) struct Conversation<'r> {
    pub(super) system: Vec<PartBody<'r>>,
    pub(super) contents: Vec<ContentBody<'r>>,
}

/// One message.
#[derive(Serialize)]
pub(super) struct ContentBody<'r> {
    role: &'static str,
    parts: Vec<PartBody<'r>>,
}

/// One part of a message.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartBody<'r> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<BlobBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<FileBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<CallBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<ResultBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'r str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlobBody<'r> {
    mime_type: &'r str,
    data: &'r str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileBody<'r> {
    mime_type: &'static str,
    file_uri: &'r str,
}

#[derive(Serialize)]
struct CallBody<'r> {
    id: &'r str,
    name: &'r str,
    args: Cow<'r, RawValue>,
}

#[derive(Serialize)]
struct ResultBody<'r> {
    id: &'r str,
    name: &'r str,
    response: Cow<'r, RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartBody<'r>>,
}

impl<'r> PartBody<'r> {
    fn text(text: &'r str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    fn blob(mime_type: &'r str, data: &'r str) -> Self {
        Self { inline_data: Some(BlobBody { mime_type, data }), ..Self::default() }
    }

    fn picture(image: &'r Image<'_>) -> Self {
        match image {
            Image::Data { media_type, data } => Self::blob(media_type, data),
            Image::Url(url) => {
                let file_data = Some(FileBody { mime_type: picture_type(url), file_uri: url });
                Self { file_data, ..Self::default() }
            }
        }
    }
}

/// The media type of a picture to be fetched, which this dialect wants to know beforehand.
fn picture_type(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or(url).to_ascii_lowercase();
    let known = [
        (".png", "image/png"),
        (".webp", "image/webp"),
        (".gif", "image/gif"),
        (".heic", "image/heic"),
        (".heif", "image/heif"),
    ];
    known.iter().find(|(end, _)| path.ends_with(end)).map_or("image/jpeg", |(_, kind)| kind)
}

impl<'r> Conversation<'r> {
    /// Words the turns. Neighbours of one role become one message, so that all results of calls stand
    /// together in the message behind them.
    pub(super) fn new(
        turns: &'r [Turn<'_>],
        generation: Generation,
        losses: &mut Losses,
    ) -> Result<Self, RequestError> {
        let mut conversation = Self { system: Vec::new(), contents: Vec::new() };
        let mut words = Words { generation, losses, names: HashMap::new(), position: 0 };
        for turn in turns {
            if turn.has_name {
                words.losses.note("messages[].name");
            }
            words.position = turn.position;
            let parts = words.parts(&turn.parts)?;
            let role = match turn.role {
                Role::System => {
                    conversation.system.extend(parts);
                    continue;
                }
                Role::User | Role::Tool => "user",
                Role::Assistant => "model",
            };
            if parts.is_empty() {
                continue;
            }
            match conversation.contents.last_mut().filter(|last| last.role == role) {
                Some(last) => last.parts.extend(parts),
                None => conversation.contents.push(ContentBody { role, parts }),
            }
        }
        for content in &mut conversation.contents {
            results_first(&mut content.parts);
            if generation.wants_signatures {
                sign_first_call(&mut content.parts);
            }
        }
        Ok(conversation)
    }
}

/// Results stand before whatever else the user says.
fn results_first(parts: &mut [PartBody<'_>]) {
    parts.sort_by_key(|part| part.function_response.is_none());
}

/// The first of the calls made at once carries the signature over them all. One that was made by
/// another model has none, and is sent with the word that stands for that.
fn sign_first_call(parts: &mut [PartBody<'_>]) {
    if let Some(first) = parts.iter_mut().find(|part| part.function_call.is_some()) {
        first.thought_signature.get_or_insert(UNKNOWN);
    }
}

struct Words<'r, 'l> {
    generation: Generation,
    losses: &'l mut Losses,
    /// The tool each id of a call was last told with: a result must name its tool.
    names: HashMap<&'r str, &'r str>,
    position: usize,
}

impl<'r> Words<'r, '_> {
    fn parts(&mut self, parts: &'r [Part<'_>]) -> Result<Vec<PartBody<'r>>, RequestError> {
        let mut said = Vec::with_capacity(parts.len());
        for part in parts {
            if part.cache_control.is_some() {
                self.losses.note("cache_control");
            }
            self.part(&part.content, &mut said)?;
        }
        Ok(said)
    }

    fn part(
        &mut self,
        content: &'r Content<'_>,
        said: &mut Vec<PartBody<'r>>,
    ) -> Result<(), RequestError> {
        match content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => said.push(PartBody::text(text)),
            Content::Image(image) => said.push(PartBody::picture(image)),
            Content::Document { media_type, data, .. } => {
                said.push(PartBody::blob(media_type, data));
            }
            Content::ToolCall { id, name, arguments, signature } => {
                self.names.insert(id, name);
                let function_call = Some(CallBody { id, name, args: arguments_object(arguments) });
                let thought_signature = signature.as_deref();
                said.push(PartBody { function_call, thought_signature, ..PartBody::default() });
            }
            Content::ToolResult { call_id, parts, is_error } => {
                self.result(call_id, parts, *is_error, said)?;
            }
            Content::Thinking { text, signature } => match native(signature) {
                Some(signature) => said.push(PartBody {
                    thought: !text.is_empty(),
                    text: Some(text),
                    thought_signature: Some(signature),
                    ..PartBody::default()
                }),
                None => self.losses.note("messages[].thinking"),
            },
            Content::RedactedThinking(_) | Content::UnsignedThinking => {
                self.losses.note("messages[].thinking");
            }
            Content::Other(kind) => {
                let param = format!("messages[{}].content", self.position);
                self.losses.lose(&param, &format!("`{kind}` has no counterpart there"))?;
            }
        }
        Ok(())
    }

    fn result(
        &mut self,
        call_id: &'r str,
        parts: &'r [Part<'_>],
        is_error: bool,
        said: &mut Vec<PartBody<'r>>,
    ) -> Result<(), RequestError> {
        let called = self.names.get(call_id).copied();
        // A result of a call that is not in the history: the id is the best name there is.
        let name = called.unwrap_or(call_id);
        let (texts, others): (Vec<_>, Vec<_>) =
            self.parts(parts)?.into_iter().partition(|part| part.text.is_some() && !part.thought);
        let texts: Vec<&str> = texts.iter().filter_map(|part| part.text).collect();
        let (inside, beside) = match self.generation.pictures_in_results {
            true => (others, Vec::new()),
            false => (Vec::new(), others),
        };
        let result =
            ResultBody { id: call_id, name, response: output(&texts, is_error), parts: inside };
        said.push(PartBody { function_response: Some(result), ..PartBody::default() });
        said.extend(beside);
        Ok(())
    }
}

/// What a tool returned, as the object this dialect wants: itself where it is one, else under the
/// name the vendor documents.
fn output<'r>(texts: &[&'r str], is_error: bool) -> Cow<'r, RawValue> {
    if let ([text], false) = (texts, is_error)
        && let Ok(raw) = serde_json::from_str::<&RawValue>(text)
        // One with such a member would be taken for the wrapping.
        && Object::scan(raw.get()).is_some_and(|object| {
            OUTPUTS.iter().all(|name| object.get(name).is_none())
        })
    {
        return Cow::Borrowed(raw);
    }
    let name = if is_error { "error" } else { "output" };
    let json = format!(r#"{{"{name}":{}}}"#, text_of(&texts.concat()));
    RawValue::from_string(json).map_or_else(|_| Cow::Borrowed(RawValue::NULL), Cow::Owned)
}
