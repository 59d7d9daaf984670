//! The conversation of the neutral chat as input items.

use serde::Serialize;

use super::reasoning::unpack;
use crate::chat::{Content, Part, Role, Turn};
use crate::data_url::Url;
use crate::request::{Losses, RequestError};

/// One item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemBody<'r> {
    Message { role: &'static str, content: ContentBody<'r> },
    FunctionCall { call_id: &'r str, name: &'r str, arguments: &'r str },
    FunctionCallOutput { call_id: &'r str, output: ContentBody<'r> },
    Reasoning { id: &'r str, summary: Vec<PartBody<'r>>, encrypted_content: &'r str },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ContentBody<'r> {
    Text(&'r str),
    Parts(Vec<PartBody<'r>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum PartBody<'r> {
    InputText { text: &'r str },
    OutputText { text: &'r str, annotations: [(); 0] },
    SummaryText { text: &'r str },
    InputImage { detail: &'static str, image_url: Url<'r> },
    InputFile { filename: &'r str, file_data: Url<'r> },
}

/// Words the turns, every part in its place.
pub(super) fn items<'r>(
    turns: &'r [Turn<'_>],
    losses: &mut Losses,
) -> Result<Vec<ItemBody<'r>>, RequestError> {
    let mut items = Vec::with_capacity(turns.len());
    for turn in turns {
        if turn.has_name {
            losses.note("messages[].name");
        }
        let mut said = Vec::new();
        for part in &turn.parts {
            if let Some(item) = item(part, turn, losses)? {
                flush(&mut items, &mut said, turn.role);
                items.push(item);
            } else {
                said.extend(content(part, turn, losses)?);
            }
        }
        flush(&mut items, &mut said, turn.role);
    }
    Ok(items)
}

/// What was said so far becomes a message.
fn flush<'r>(items: &mut Vec<ItemBody<'r>>, said: &mut Vec<PartBody<'r>>, role: Role) {
    if said.is_empty() {
        return;
    }
    let role = match role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    items.push(ItemBody::Message { role, content: whole(std::mem::take(said)) });
}

/// One text stands for itself.
fn whole(parts: Vec<PartBody<'_>>) -> ContentBody<'_> {
    match parts.as_slice() {
        [] => ContentBody::Text(""),
        [PartBody::InputText { text } | PartBody::OutputText { text, .. }] => {
            ContentBody::Text(text)
        }
        _ => ContentBody::Parts(parts),
    }
}

/// The item a part is on its own; `None` for what belongs into a message, or nowhere.
fn item<'r>(
    part: &'r Part<'_>,
    turn: &Turn<'_>,
    losses: &mut Losses,
) -> Result<Option<ItemBody<'r>>, RequestError> {
    Ok(match &part.content {
        Content::ToolCall { id, name, arguments, signature } => {
            if signature.is_some() {
                losses.note("messages[].thinking");
            }
            let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
            Some(ItemBody::FunctionCall { call_id: id, name, arguments })
        }
        Content::ToolResult { call_id, parts, .. } => {
            let mut output = Vec::with_capacity(parts.len());
            for part in parts {
                output.extend(content(part, turn, losses)?);
            }
            Some(ItemBody::FunctionCallOutput { call_id, output: whole(output) })
        }
        Content::Thinking { text, signature } => {
            let seal = unpack(signature);
            if seal.is_none() {
                losses.note("messages[].thinking");
            }
            seal.map(|(id, encrypted_content)| ItemBody::Reasoning {
                id,
                summary: match text.as_ref() {
                    "" => Vec::new(),
                    text => vec![PartBody::SummaryText { text }],
                },
                encrypted_content,
            })
        }
        _ => None,
    })
}

/// What a part is within a message or a result.
fn content<'r>(
    part: &'r Part<'_>,
    turn: &Turn<'_>,
    losses: &mut Losses,
) -> Result<Option<PartBody<'r>>, RequestError> {
    if part.cache_control.is_some() {
        losses.note("cache_control");
    }
    let param = format!("messages[{}].content", turn.position);
    let is_output = turn.role == Role::Assistant;
    Ok(match &part.content {
        Content::Text(text) if is_output => Some(PartBody::OutputText { text, annotations: [] }),
        Content::Text(text) => Some(PartBody::InputText { text }),
        Content::Image(_) | Content::Document { .. } if is_output => {
            losses.lose(&param, "an answer holds text only there")?;
            None
        }
        Content::Image(image) => {
            Some(PartBody::InputImage { detail: "auto", image_url: Url::from(image) })
        }
        Content::Document { media_type, data, title } => Some(PartBody::InputFile {
            filename: title.as_deref().unwrap_or("document"),
            file_data: Url::Data { media_type, data },
        }),
        Content::RedactedThinking(_) | Content::UnsignedThinking => {
            losses.note("messages[].thinking");
            None
        }
        Content::Other(kind) => {
            losses.lose(&param, &format!("`{kind}` has no counterpart there"))?;
            None
        }
        // Items of their own.
        Content::Thinking { .. } | Content::ToolCall { .. } | Content::ToolResult { .. } => None,
    })
}
