//! The conversation as this dialect words it. Roles stay what they are.

use serde::Serialize;

use crate::chat::{Content, Part, Role, Turn};
use crate::data_url::Url;
use crate::request::{Losses, RequestError};

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(super) enum Message<'r> {
    System {
        content: Vec<Block<'r>>,
    },
    User {
        content: Vec<Block<'r>>,
    },
    Assistant {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'r>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'r>>,
    },
    Tool {
        tool_call_id: &'r str,
        content: Vec<Block<'r>>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'r> {
    Text { text: &'r str },
    ImageUrl { image_url: ImageUrl<'r> },
}

#[derive(Serialize)]
pub(super) struct ImageUrl<'r> {
    url: Url<'r>,
}

#[derive(Serialize)]
pub(super) struct Call<'r> {
    id: &'r str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'r>,
}

#[derive(Serialize)]
struct Function<'r> {
    name: &'r str,
    arguments: &'r str,
}

/// Words the turns.
pub(super) fn messages<'r>(
    turns: &'r [Turn<'_>],
    losses: &mut Losses,
) -> Result<Vec<Message<'r>>, RequestError> {
    let mut messages = Vec::with_capacity(turns.len());
    for turn in turns {
        if turn.has_name {
            losses.note("messages[].name");
        }
        let mut said = Said { param: format!("messages[{}]", turn.position), ..Said::default() };
        for part in &turn.parts {
            said.part(part, losses)?;
        }
        messages.append(&mut said.results);
        let Said { blocks: content, calls: tool_calls, .. } = said;
        if content.is_empty() && tool_calls.is_empty() {
            continue;
        }
        messages.push(match turn.role {
            Role::System => Message::System { content },
            Role::Assistant => Message::Assistant { content, tool_calls },
            Role::User | Role::Tool => Message::User { content },
        });
    }
    Ok(messages)
}

/// What one turn says: results of tools become messages of their own, before the rest.
#[derive(Default)]
struct Said<'r> {
    param: String,
    results: Vec<Message<'r>>,
    blocks: Vec<Block<'r>>,
    calls: Vec<Call<'r>>,
}

impl<'r> Said<'r> {
    fn part(&mut self, part: &'r Part<'_>, losses: &mut Losses) -> Result<(), RequestError> {
        if part.cache_control.is_some() {
            losses.note("messages[].content[].cache_control");
        }
        let content = format!("{}.content", self.param);
        match &part.content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => self.blocks.push(Block::Text { text }),
            Content::Image(image) => {
                let image_url = ImageUrl { url: Url::from(image) };
                self.blocks.push(Block::ImageUrl { image_url });
            }
            Content::Document { .. } => {
                losses.lose(&content, "files are not taken in a conversation there")?;
            }
            Content::ToolCall { id, name, arguments, .. } => {
                let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
                let function = Function { name, arguments };
                self.calls.push(Call { id, kind: "function", function });
            }
            Content::ToolResult { call_id, parts, .. } => {
                let content = self.result(parts, &content, losses)?;
                self.results.push(Message::Tool { tool_call_id: call_id, content });
            }
            // Reasoning is nobody's to sign here, and what others signed means nothing.
            Content::Thinking { .. } | Content::RedactedThinking(_) | Content::UnsignedThinking => {
                losses.note("messages[].reasoning_content");
            }
            Content::Other(kind) => {
                losses.lose(&content, &format!("`{kind}` has no counterpart there"))?;
            }
        }
        Ok(())
    }

    fn result(
        &self,
        parts: &'r [Part<'_>],
        param: &str,
        losses: &mut Losses,
    ) -> Result<Vec<Block<'r>>, RequestError> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.content {
                Content::Text(text) => blocks.push(Block::Text { text }),
                _ => losses.lose(param, "results of tools are text only there")?,
            }
        }
        Ok(blocks)
    }
}
