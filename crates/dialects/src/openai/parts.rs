//! One message of a client read into a neutral turn.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::signature::signature;
use crate::chat::{Content, Image, Part, Role, Turn};
use crate::data_url;
use crate::json::{List, Object, Text, is_null};
use crate::request::{RequestError, without_position};

#[derive(Deserialize)]
pub(super) struct MessageBody<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<List<CallBody<'a>>>,
    #[serde(borrow)]
    tool_call_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    thinking_blocks: Option<List<ThinkingBody<'a>>>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
    audio: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct CallBody<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    function: Option<CalledFunction<'a>>,
    #[serde(borrow)]
    extra_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CalledFunction<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<Text<'a>>,
}

/// Signed reasoning, as [`super::encode`] gave it out.
#[derive(Deserialize)]
struct ThinkingBody<'a> {
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
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
    image_url: Option<&'a RawValue>,
    #[serde(borrow)]
    file: Option<FileBody<'a>>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ImageBody<'a> {
    #[serde(borrow)]
    url: Text<'a>,
}

#[derive(Deserialize)]
struct FileBody<'a> {
    #[serde(borrow)]
    file_data: Option<Text<'a>>,
    #[serde(borrow)]
    filename: Option<Text<'a>>,
}

pub(super) fn turn(message: MessageBody<'_>, position: usize) -> Result<Turn<'_>, RequestError> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let text = format!("`{other}` is not one of system, developer, user, assistant, tool");
            return Err(RequestError::invalid(format!("messages[{position}].role"), text));
        }
    };
    let has_name = message.name.is_some();
    let mut parts = Vec::new();
    thinking(&mut parts, &message);
    let content = contents(message.content, position)?;
    if role == Role::Tool {
        let call_id = message
            .tool_call_id
            .ok_or_else(|| RequestError::missing(&format!("messages[{position}].tool_call_id")))?;
        let result = Content::ToolResult { call_id: call_id.0, parts: content, is_error: false };
        parts.push(Part { cache_control: message.cache_control, ..Part::plain(result) });
        return Ok(Turn { role, parts, position, has_name });
    }
    parts.extend(content);
    if let Some(refusal) = message.refusal {
        parts.push(Part::plain(Content::Text(refusal.0)));
    }
    for call in message.tool_calls.unwrap_or_default().0 {
        parts.push(Part::plain(match call.function {
            Some(function) => Content::ToolCall {
                id: call.id.0,
                name: function.name.0,
                arguments: function.arguments.unwrap_or_default().0,
                signature: call.extra_content.and_then(signature),
            },
            None => Content::Other(Cow::Borrowed("tool_calls")),
        }));
    }
    if message.audio.is_some() {
        parts.push(Part::plain(Content::Other(Cow::Borrowed("audio"))));
    }
    if message.function_call.is_some() {
        parts.push(Part::plain(Content::Other(Cow::Borrowed("function_call"))));
    }
    if let (Some(breakpoint), Some(last)) = (message.cache_control, parts.last_mut()) {
        last.cache_control = Some(breakpoint);
    }
    Ok(Turn { role, parts, position, has_name })
}

fn thinking<'a>(parts: &mut Vec<Part<'a>>, message: &MessageBody<'a>) {
    let blocks = message.thinking_blocks.as_ref().map_or(&[][..], |list| &list.0);
    for block in blocks {
        let text = |text: &Option<Text<'a>>| text.clone().unwrap_or_default().0;
        parts.push(Part::plain(match (&block.data, &block.signature) {
            (Some(data), _) => Content::RedactedThinking(data.0.clone()),
            (None, Some(signature)) => {
                Content::Thinking { text: text(&block.thinking), signature: signature.0.clone() }
            }
            (None, None) => Content::UnsignedThinking,
        }));
    }
    let is_shown = message.reasoning_content.as_ref().is_some_and(|text| !text.0.is_empty());
    if blocks.is_empty() && is_shown {
        parts.push(Part::plain(Content::UnsignedThinking));
    }
}

/// The content of a message: a text, a list of parts, or nothing.
fn contents(raw: Option<&RawValue>, position: usize) -> Result<Vec<Part<'_>>, RequestError> {
    let Some(raw) = raw.filter(|raw| !is_null(raw.get())) else { return Ok(Vec::new()) };
    let param = || format!("messages[{position}].content");
    if raw.get().starts_with('"') {
        let text: Text<'_> = serde_json::from_str(raw.get())
            .map_err(|e| RequestError::invalid(param(), without_position(&e)))?;
        return Ok(vec![Part::plain(Content::Text(text.0))]);
    }
    let bodies: List<PartBody<'_>> = serde_json::from_str(raw.get())
        .map_err(|e| RequestError::invalid(param(), without_position(&e)))?;
    bodies
        .0
        .into_iter()
        .enumerate()
        .map(|(index, body)| part(body, || format!("messages[{position}].content[{index}]")))
        .collect()
}

fn part<'a>(body: PartBody<'a>, param: impl Fn() -> String) -> Result<Part<'a>, RequestError> {
    let kind = body.kind.ok_or_else(|| RequestError::missing(&format!("{}.type", param())))?;
    let missing = |member: &str| RequestError::missing(&format!("{}.{member}", param()));
    let content = match kind.as_str() {
        "text" | "input_text" => Content::Text(body.text.ok_or_else(|| missing("text"))?.0),
        "refusal" => Content::Text(body.refusal.ok_or_else(|| missing("refusal"))?.0),
        "image_url" => {
            let raw = body.image_url.ok_or_else(|| missing("image_url"))?;
            Content::Image(image(raw).ok_or_else(|| missing("image_url.url"))?)
        }
        "file" => match body.file.and_then(document) {
            Some(document) => document,
            None => Content::Other(kind.0),
        },
        _ => Content::Other(kind.0),
    };
    Ok(Part { cache_control: body.cache_control, ..Part::plain(content) })
}

/// An image given as `{"url": …}`, or as the URL alone, which many clients write.
fn image(raw: &RawValue) -> Option<Image<'_>> {
    let url = if Object::scan(raw.get()).is_some() {
        serde_json::from_str::<ImageBody<'_>>(raw.get()).ok()?.url
    } else {
        serde_json::from_str::<Text<'_>>(raw.get()).ok()?
    };
    Some(data_url::image(url.0))
}

fn document(file: FileBody<'_>) -> Option<Content<'_>> {
    data_url::document(file.file_data?.0, file.filename.map(|name| name.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn_of(json: &str) -> Turn<'_> {
        turn(serde_json::from_str(json).unwrap(), 0).unwrap()
    }

    #[test]
    fn a_data_url_is_taken_apart_without_a_copy() {
        let json = r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]}"#;
        let turn = turn_of(json);
        let Content::Image(Image::Data { media_type, data }) = &turn.parts[0].content else {
            panic!()
        };
        assert_eq!((media_type.as_ref(), data.as_ref()), ("image/png", "AAAA"));
        assert!(matches!(data, Cow::Borrowed(_)));
    }

    #[test]
    fn an_escaped_url_is_the_same_url() {
        let turn = turn_of(
            r#"{"role":"user","content":[{"type":"image_url","image_url":"https:\/\/x\/y.png"}]}"#,
        );
        assert!(
            matches!(&turn.parts[0].content, Content::Image(Image::Url(url)) if url == "https://x/y.png")
        );
    }

    #[test]
    fn an_assistant_turn_keeps_its_calls_and_its_signed_reasoning() {
        let turn = turn_of(
            r#"{"role":"assistant","content":null,"reasoning_content":"r",
            "thinking_blocks":[{"type":"thinking","thinking":"r","signature":"s"},{"type":"redacted_thinking","data":"d"}],
            "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
        );
        let kinds: Vec<_> =
            turn.parts.iter().map(|part| std::mem::discriminant(&part.content)).collect();
        assert_eq!(kinds.len(), 3);
        assert!(
            matches!(&turn.parts[0].content, Content::Thinking { signature, .. } if signature == "s")
        );
        assert!(matches!(&turn.parts[1].content, Content::RedactedThinking(data) if data == "d"));
        assert!(matches!(&turn.parts[2].content, Content::ToolCall { id, .. } if id == "c1"));
    }
}
