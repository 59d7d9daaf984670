//! Messages of a client read into neutral turns.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode::value;
use super::seal;
use crate::chat::{Cited, Content, Image, Part, Role, Turn};
use crate::json::{List, Object, Text, is_null};
use crate::request::RequestError;

/// What messages ask for beside what they say: parameter and JSON text.
#[derive(Default)]
pub(super) struct Extras<'a> {
    pub(super) rest: Vec<(Cow<'a, str>, &'a str)>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// Any block; each kind has some of these members.
#[derive(Deserialize)]
struct BlockBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    is_error: Option<bool>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

/// Reasoning the model showed, or hid.
#[derive(Deserialize)]
struct ThoughtBody<'a> {
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct SourceBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    media_type: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// Where blocks stand, which decides what they may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    /// Inside the result of a call.
    Result,
    /// Inside a document, which nests no further.
    Document,
}

/// Reads one message. Results of calls become turns of their own: who speaks there is the tool.
pub(super) fn turns<'a>(
    json: &'a str,
    position: usize,
    turns: &mut Vec<Turn<'a>>,
    extras: &mut Extras<'a>,
) -> Result<(), RequestError> {
    let param = format!("messages[{position}]");
    let body: MessageBody<'a> = value(&param, json)?;
    let role = match body.role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        other => {
            let text = format!("`{other}` is not one of user, assistant, system");
            return Err(RequestError::invalid(format!("{param}.role"), text));
        }
    };
    let content = body.content.filter(|raw| !is_null(raw.get()));
    let content = content.ok_or_else(|| RequestError::missing(&format!("{param}.content")))?.get();
    let turn = |role, parts| Turn { role, parts, position, has_name: false };
    let parts = parts(&format!("{param}.content"), content, extras)?;
    if role == Role::Assistant {
        turns.push(turn(role, with_signatures(parts)));
        return Ok(());
    }
    let mut said = Vec::new();
    for part in parts {
        if matches!(part.content, Content::ToolResult { .. }) {
            if !said.is_empty() {
                turns.push(turn(role, std::mem::take(&mut said)));
            }
            turns.push(turn(Role::Tool, vec![part]));
        } else {
            said.push(part);
        }
    }
    if !said.is_empty() {
        turns.push(turn(role, said));
    }
    Ok(())
}

/// Signatures of calls, which travel in blocks before them, put where they belong.
fn with_signatures(parts: Vec<Part<'_>>) -> Vec<Part<'_>> {
    let mut sealed: Option<String> = None;
    let mut whole = Vec::with_capacity(parts.len());
    for mut part in parts {
        match &mut part.content {
            Content::RedactedThinking(data) if seal::open(data).is_some() => {
                sealed = seal::open(data).map(str::to_owned);
                continue;
            }
            Content::ToolCall { signature, .. } => *signature = sealed.take().map(Cow::Owned),
            _ => {}
        }
        whole.push(part);
    }
    whole
}

/// The content of a message or of the system prompt: a text, or blocks.
pub(super) fn parts<'a>(
    param: &str,
    json: &'a str,
    extras: &mut Extras<'a>,
) -> Result<Vec<Part<'a>>, RequestError> {
    let mut out = Vec::new();
    Reader { place: Place::Message, extras }.read(param, json, &mut out)?;
    Ok(out)
}

struct Reader<'x, 'a> {
    place: Place,
    extras: &'x mut Extras<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn read(
        &mut self,
        param: &str,
        json: &'a str,
        out: &mut Vec<Part<'a>>,
    ) -> Result<(), RequestError> {
        if json.trim_ascii_start().starts_with('"') {
            let text: Text<'a> = value(param, json)?;
            out.push(Part::plain(Content::Text(text.0)));
            return Ok(());
        }
        let blocks: List<&'a RawValue> = value(param, json)?;
        for (index, raw) in blocks.0.into_iter().enumerate() {
            self.block(&format!("{param}[{index}]"), raw.get(), out)?;
        }
        Ok(())
    }

    /// Reads what `json` holds one level further in.
    fn nested(
        &mut self,
        place: Place,
        (param, json): (&str, &'a str),
        out: &mut Vec<Part<'a>>,
    ) -> Result<(), RequestError> {
        Reader { place, extras: self.extras }.read(param, json, out)
    }

    fn block(
        &mut self,
        param: &str,
        json: &'a str,
        out: &mut Vec<Part<'a>>,
    ) -> Result<(), RequestError> {
        let invalid = || RequestError::invalid(param, "it must be an object");
        let missing = |member: &str| RequestError::missing(&format!("{param}.{member}"));
        let kind = Object::scan(json).ok_or_else(invalid)?.text("type");
        let kind = kind.ok_or_else(|| missing("type"))?;
        let is_known = match kind.as_str() {
            "text" | "image" => true,
            "document" | "search_result" => self.place != Place::Document,
            "thinking" | "redacted_thinking" => {
                let body: ThoughtBody<'a> = value(param, json)?;
                out.push(Part::plain(thought(body)));
                return Ok(());
            }
            "tool_use" | "tool_result" => self.place == Place::Message,
            _ => false,
        };
        if !is_known {
            out.push(Part::plain(Content::Other(Cow::Owned(kind))));
            return Ok(());
        }
        let body: BlockBody<'a> = value(param, json)?;
        let cache_control = body.cache_control;
        match kind.as_str() {
            "text" => {
                out.push(Part::plain(Content::Text(body.text.ok_or_else(|| missing("text"))?.0)));
            }
            "image" => {
                let source = body.source.ok_or_else(|| missing("source"))?;
                out.push(Part::plain(image(&format!("{param}.source"), source.get())?));
            }
            "document" => self.document(param, body, out)?,
            "search_result" => self.search_result(param, body, out)?,
            "tool_use" => out.push(Part::plain(Content::ToolCall {
                id: body.id.ok_or_else(|| missing("id"))?.0,
                name: body.name.ok_or_else(|| missing("name"))?.0,
                arguments: Cow::Borrowed(body.input.map_or("{}", RawValue::get)),
                signature: None,
            })),
            _ => {
                let call_id = body.tool_use_id.ok_or_else(|| missing("tool_use_id"))?.0;
                let is_error = body.is_error.unwrap_or(false);
                let mut parts = Vec::new();
                if let Some(raw) = body.content.filter(|raw| !is_null(raw.get())) {
                    let content = format!("{param}.content");
                    self.nested(Place::Result, (&content, raw.get()), &mut parts)?;
                }
                out.push(Part::plain(Content::ToolResult { call_id, parts, is_error }));
            }
        }
        // A block that became several ends with its last.
        if let Some(last) = out.last_mut() {
            last.cache_control = last.cache_control.or(cache_control);
        }
        Ok(())
    }

    /// A file, or text and pictures that are called one.
    fn document(
        &mut self,
        param: &str,
        body: BlockBody<'a>,
        out: &mut Vec<Part<'a>>,
    ) -> Result<(), RequestError> {
        let missing = |member: &str| RequestError::missing(&format!("{param}.source.{member}"));
        let raw = body.source.ok_or_else(|| RequestError::missing(&format!("{param}.source")))?;
        let source: SourceBody<'a> = value(&format!("{param}.source"), raw.get())?;
        let mut title = body.title.map(|text| text.0);
        let cited = cited(param, body.citations);
        let kind = source.kind.as_str();
        let is_file = self.place == Place::Message && matches!(kind, "base64" | "text");
        let cited = match cited {
            Some(cited) if !is_file => {
                self.extras.rest.push((Cow::Owned(cited.param), cited.json));
                None
            }
            cited => cited,
        };
        match kind {
            "base64" => {
                let media_type = source.media_type.ok_or_else(|| missing("media_type"))?.0;
                let data = source.data.ok_or_else(|| missing("data"))?.0;
                let file = Content::Document { media_type, data, title };
                out.push(Part { cited: cited.map(Box::new), ..Part::plain(file) });
            }
            "text" => {
                let text = Content::Text(source.data.ok_or_else(|| missing("data"))?.0);
                let cited = cited.map(|cited| Box::new(Cited { title: title.take(), ..cited }));
                out.extend(title.map(|title| Part::plain(Content::Text(title))));
                out.push(Part { cited, ..Part::plain(text) });
            }
            "content" => {
                out.extend(title.map(|title| Part::plain(Content::Text(title))));
                let content = source.content.ok_or_else(|| missing("content"))?.get();
                let param = format!("{param}.source.content");
                self.nested(Place::Document, (&param, content), out)?;
            }
            other => out.push(Part::plain(Content::Other(format!("document by {other}").into()))),
        }
        Ok(())
    }

    /// A passage found elsewhere: its title, where it is from, and its text.
    fn search_result(
        &mut self,
        param: &str,
        body: BlockBody<'a>,
        out: &mut Vec<Part<'a>>,
    ) -> Result<(), RequestError> {
        let cited = cited(param, body.citations);
        self.extras.rest.extend(cited.map(|cited| (Cow::Owned(cited.param), cited.json)));
        out.extend(body.title.map(|title| Part::plain(Content::Text(title.0))));
        if let Some(raw) = body.source {
            let source: Text<'a> = value(&format!("{param}.source"), raw.get())?;
            out.push(Part::plain(Content::Text(source.0)));
        }
        let content =
            body.content.ok_or_else(|| RequestError::missing(&format!("{param}.content")))?;
        self.nested(Place::Document, (&format!("{param}.content"), content.get()), out)
    }
}

/// Whether the answer is to cite a block.
fn cited<'a>(param: &str, citations: Option<&'a RawValue>) -> Option<Cited<'a>> {
    let json = citations?.get();
    let is_asked = Object::scan(json)?.get("enabled") == Some("true");
    is_asked.then(|| Cited { param: format!("{param}.citations"), json, title: None })
}

fn thought(body: ThoughtBody<'_>) -> Content<'_> {
    match (body.data, body.signature.filter(|text| !text.0.is_empty())) {
        (Some(data), _) => Content::RedactedThinking(data.0),
        (None, Some(signature)) => {
            Content::Thinking { text: body.thinking.unwrap_or_default().0, signature: signature.0 }
        }
        (None, None) => Content::UnsignedThinking,
    }
}

fn image<'a>(param: &str, json: &'a str) -> Result<Content<'a>, RequestError> {
    let source: SourceBody<'a> = value(param, json)?;
    let missing = |member: &str| RequestError::missing(&format!("{param}.{member}"));
    Ok(match source.kind.as_str() {
        "base64" => Content::Image(Image::Data {
            media_type: source.media_type.ok_or_else(|| missing("media_type"))?.0,
            data: source.data.ok_or_else(|| missing("data"))?.0,
        }),
        "url" => Content::Image(Image::Url(source.url.ok_or_else(|| missing("url"))?.0)),
        other => Content::Other(format!("image by {other}").into()),
    })
}
