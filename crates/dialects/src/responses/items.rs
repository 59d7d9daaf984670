//! The input of a client read into neutral turns.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode_request::value;
use super::reasoning::{Seal, open};
use crate::chat::{Content, Part, Role, Turn};
use crate::data_url;
use crate::json::{List, Text, is_null};
use crate::request::RequestError;

/// One item. Kinds this crate has no word for carry other members, which are skipped.
#[derive(Deserialize)]
struct ItemBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<List<TextBody<'a>>>,
    #[serde(borrow)]
    encrypted_content: Option<Text<'a>>,
}

/// A part of a summary.
#[derive(Deserialize)]
struct TextBody<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Deserialize)]
struct PartBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    image_url: Option<Text<'a>>,
    #[serde(borrow)]
    file_data: Option<Text<'a>>,
    #[serde(borrow)]
    filename: Option<Text<'a>>,
}

/// The turns of `input`: a text, or a list of items. What the model said in several items is one
/// turn.
pub(super) fn turns(json: &str) -> Result<Vec<Turn<'_>>, RequestError> {
    if json.starts_with('"') {
        let text: Text<'_> = value("input", json)?;
        let parts = vec![Part::plain(Content::Text(text.0))];
        return Ok(vec![Turn { role: Role::User, parts, position: 0, has_name: false }]);
    }
    let items: List<&RawValue> = value("input", json)?;
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(items.0.len());
    let mut seal = None;
    for (position, raw) in items.0.into_iter().enumerate() {
        let param = format!("input[{position}]");
        let item: ItemBody<'_> = value(&param, raw.get())?;
        let (role, parts) = item_parts(item, &param, &mut seal)?;
        match turns.last_mut() {
            Some(last) if role == Role::Assistant && last.role == role => last.parts.extend(parts),
            _ => turns.push(Turn { role, parts, position, has_name: false }),
        }
    }
    Ok(turns)
}

fn item_parts<'a>(
    item: ItemBody<'a>,
    param: &str,
    seal: &mut Option<Cow<'a, str>>,
) -> Result<(Role, Vec<Part<'a>>), RequestError> {
    let missing = |member: &str| RequestError::missing(&format!("{param}.{member}"));
    let one = |content| vec![Part::plain(content)];
    Ok(match item.kind.as_ref().map_or("message", Text::as_str) {
        "message" => {
            let role = role(item.role.as_ref().ok_or_else(|| missing("role"))?.as_str(), param)?;
            (role, contents(item.content, &format!("{param}.content"))?)
        }
        "function_call" => {
            let call = Content::ToolCall {
                id: item.call_id.ok_or_else(|| missing("call_id"))?.0,
                name: item.name.ok_or_else(|| missing("name"))?.0,
                arguments: item.arguments.unwrap_or_default().0,
                signature: seal.take(),
            };
            (Role::Assistant, one(call))
        }
        "function_call_output" => {
            let call_id = item.call_id.ok_or_else(|| missing("call_id"))?.0;
            let parts = contents(item.output, &format!("{param}.output"))?;
            (Role::Tool, one(Content::ToolResult { call_id, parts, is_error: false }))
        }
        "reasoning" => {
            (Role::Assistant, thinking(item, seal).into_iter().map(Part::plain).collect())
        }
        // Calls of the provider's own tools and references to what it keeps.
        other => (Role::Assistant, one(Content::Other(Cow::Owned(other.to_owned())))),
    })
}

fn role(role: &str, param: &str) -> Result<Role, RequestError> {
    Ok(match role {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => {
            let text = format!("`{other}` is not one of system, developer, user, assistant");
            return Err(RequestError::invalid(format!("{param}.role"), text));
        }
    })
}

/// The reasoning of an item; one that only carries the signature of the call after it is none.
fn thinking<'a>(item: ItemBody<'a>, seal: &mut Option<Cow<'a, str>>) -> Option<Content<'a>> {
    let Some(content) = item.encrypted_content else { return Some(Content::UnsignedThinking) };
    Some(match open(content.0) {
        Seal::Signature(signature) => {
            let mut texts = item.summary.unwrap_or_default().0.into_iter().map(|part| part.text.0);
            // A seal is put over one text; a client may have taken it apart.
            let first = texts.next().unwrap_or_default();
            let text = texts.fold(first, |whole, part| Cow::Owned(whole.into_owned() + &part));
            Content::Thinking { text, signature }
        }
        Seal::Redacted(data) => Content::RedactedThinking(data),
        Seal::Call(signature) => {
            *seal = Some(signature);
            return None;
        }
        Seal::Own => Content::UnsignedThinking,
    })
}

/// The content of a message or a result: a text, a list of parts, or nothing.
fn contents<'a>(raw: Option<&'a RawValue>, param: &str) -> Result<Vec<Part<'a>>, RequestError> {
    let Some(raw) = raw.filter(|raw| !is_null(raw.get())) else { return Ok(Vec::new()) };
    if raw.get().starts_with('"') {
        let text: Text<'a> = value(param, raw.get())?;
        return Ok(vec![Part::plain(Content::Text(text.0))]);
    }
    let bodies: List<PartBody<'a>> = value(param, raw.get())?;
    let bodies = bodies.0.into_iter().enumerate();
    bodies.map(|(index, body)| part(body, &format!("{param}[{index}]"))).collect()
}

fn part<'a>(body: PartBody<'a>, param: &str) -> Result<Part<'a>, RequestError> {
    let missing = |member: &str| RequestError::missing(&format!("{param}.{member}"));
    let kind = body.kind.ok_or_else(|| missing("type"))?;
    Ok(Part::plain(match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            Content::Text(body.text.ok_or_else(|| missing("text"))?.0)
        }
        "refusal" => Content::Text(body.refusal.ok_or_else(|| missing("refusal"))?.0),
        "input_image" => match body.image_url {
            Some(url) => Content::Image(data_url::image(url.0)),
            None => Content::Other(Cow::Borrowed("input_image.file_id")),
        },
        "input_file" => body
            .file_data
            .and_then(|data| data_url::document(data.0, body.filename.map(|name| name.0)))
            .unwrap_or(Content::Other(Cow::Borrowed("input_file"))),
        _ => Content::Other(kind.0),
    }))
}
