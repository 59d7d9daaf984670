//! The conversation of the neutral chat as this dialect words it.

use serde::Serialize;

use super::signature::Extra;
use crate::chat::{Content, Part, Role, Turn};
use crate::data_url::Url;
use crate::request::{Losses, RequestError};

/// One message.
#[derive(Serialize)]
pub(super) struct MessageBody<'r> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'r str>,
    content: Option<ContentBody<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallBody<'r>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ContentBody<'r> {
    Text(&'r str),
    Parts(Vec<PartBody<'r>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartBody<'r> {
    Text { text: &'r str },
    ImageUrl { image_url: UrlBody<'r> },
    File { file: FileBody<'r> },
}

#[derive(Serialize)]
struct UrlBody<'r> {
    url: Url<'r>,
}

#[derive(Serialize)]
struct FileBody<'r> {
    filename: &'r str,
    file_data: Url<'r>,
}

#[derive(Serialize)]
struct CallBody<'r> {
    id: &'r str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionBody<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'r>>,
}

#[derive(Serialize)]
struct FunctionBody<'r> {
    name: &'r str,
    arguments: &'r str,
}

/// Words the turns. Results of tools become messages of their own; pictures among them follow in a
/// message of the user, since a result is text only here.
pub(super) fn messages<'r>(
    turns: &'r [Turn<'_>],
    losses: &mut Losses,
) -> Result<Vec<MessageBody<'r>>, RequestError> {
    let mut messages = Vec::with_capacity(turns.len());
    let mut pictures = Vec::new();
    for turn in turns {
        if turn.has_name {
            losses.note("messages[].name");
        }
        let mut words = Words { position: turn.position, losses: &mut *losses, parts: Vec::new() };
        let mut calls = Vec::new();
        let mut results = Vec::new();
        for part in &turn.parts {
            match &part.content {
                Content::ToolResult { call_id, parts, .. } => {
                    if part.cache_control.is_some() {
                        words.losses.note("cache_control");
                    }
                    let (result, shown) = words.result(call_id, parts)?;
                    results.push(result);
                    pictures.extend(shown);
                }
                Content::ToolCall { id, name, arguments, signature } => calls.push(CallBody {
                    extra_content: signature.as_deref().map(Extra::new),
                    ..call(id, name, arguments)
                }),
                _ => words.part(part)?,
            }
        }
        let parts = words.parts;
        let has_result = !results.is_empty();
        if !has_result {
            flush(&mut messages, &mut pictures);
        }
        messages.extend(results);
        if parts.is_empty() && calls.is_empty() {
            continue;
        }
        flush(&mut messages, &mut pictures);
        messages.push(MessageBody {
            role: role(turn.role),
            tool_call_id: None,
            content: content(parts),
            tool_calls: calls,
        });
    }
    flush(&mut messages, &mut pictures);
    Ok(messages)
}

/// Pictures that tools returned are shown once all results of a turn have been told: nothing may
/// stand between a call and its results.
fn flush<'r>(messages: &mut Vec<MessageBody<'r>>, pictures: &mut Vec<PartBody<'r>>) {
    if !pictures.is_empty() {
        let parts = ContentBody::Parts(std::mem::take(pictures));
        messages.push(MessageBody {
            role: "user",
            tool_call_id: None,
            content: Some(parts),
            tool_calls: Vec::new(),
        });
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    }
}

/// One text stands for itself, which every compatible server understands.
fn content(parts: Vec<PartBody<'_>>) -> Option<ContentBody<'_>> {
    match parts.as_slice() {
        [] => None,
        [PartBody::Text { text }] => Some(ContentBody::Text(text)),
        _ => Some(ContentBody::Parts(parts)),
    }
}

fn call<'r>(id: &'r str, name: &'r str, arguments: &'r str) -> CallBody<'r> {
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let function = FunctionBody { name, arguments };
    CallBody { id, kind: "function", function, extra_content: None }
}

/// What one turn says.
struct Words<'r, 'l> {
    position: usize,
    losses: &'l mut Losses,
    parts: Vec<PartBody<'r>>,
}

impl<'r> Words<'r, '_> {
    fn part(&mut self, part: &'r Part<'_>) -> Result<(), RequestError> {
        if part.cache_control.is_some() {
            self.losses.note("cache_control");
        }
        match &part.content {
            Content::Text(text) => self.parts.push(PartBody::Text { text }),
            Content::Image(image) => {
                let url = Url::from(image);
                self.parts.push(PartBody::ImageUrl { image_url: UrlBody { url } });
            }
            Content::Document { media_type, data, title } => {
                let filename = title.as_deref().unwrap_or("document");
                let file_data = Url::Data { media_type, data };
                self.parts.push(PartBody::File { file: FileBody { filename, file_data } });
            }
            Content::Thinking { .. } | Content::RedactedThinking(_) | Content::UnsignedThinking => {
                self.losses.note("messages[].thinking")
            }
            Content::Other(kind) => {
                let param = format!("messages[{}].content", self.position);
                self.losses.lose(&param, &format!("`{kind}` has no counterpart there"))?;
            }
            // Calls and results are messages' own members.
            Content::ToolCall { .. } | Content::ToolResult { .. } => {}
        }
        Ok(())
    }

    /// The message a result becomes, and the pictures in it.
    fn result(
        &mut self,
        call_id: &'r str,
        parts: &'r [Part<'_>],
    ) -> Result<(MessageBody<'r>, Vec<PartBody<'r>>), RequestError> {
        let outer = std::mem::take(&mut self.parts);
        for part in parts {
            self.part(part)?;
        }
        let said = std::mem::replace(&mut self.parts, outer);
        let is_text = |part: &PartBody<'_>| matches!(part, PartBody::Text { .. });
        let (texts, pictures): (Vec<_>, Vec<_>) = said.into_iter().partition(is_text);
        let content = content(texts).or(Some(ContentBody::Text("")));
        let tool_call_id = Some(call_id);
        Ok((MessageBody { role: "tool", tool_call_id, content, tool_calls: Vec::new() }, pictures))
    }
}
