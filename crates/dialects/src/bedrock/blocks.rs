//! The conversation as this dialect words it: turns of user and assistant made of blocks.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::blob::sealed;
use super::media::{self, Document, Names, Picture};
use crate::chat::{Content, Part, Role, Turn};
use crate::json::Object;
use crate::request::{Losses, RequestError};

/// Longest id of a call (botocore 1.44, `ToolUseId`).
const CALL_ID_BYTES_MAX: usize = 64;

/// A block: a union of which exactly one member is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'r> {
    Text(&'r str),
    Image(Picture<'r>),
    Document(Document<'r>),
    ToolUse(Call<'r>),
    ToolResult(CallResult<'r>),
    ReasoningContent(Reasoning<'r>),
    CachePoint(CachePoint),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call<'r> {
    tool_use_id: Cow<'r, str>,
    name: &'r str,
    input: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallResult<'r> {
    tool_use_id: Cow<'r, str>,
    content: Vec<Block<'r>>,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reasoning<'r> {
    ReasoningText { text: &'r str, signature: &'r str },
    RedactedContent(Cow<'r, str>),
}

/// The prompt up to here is to be cached.
#[derive(Serialize)]
pub(super) struct CachePoint {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl CachePoint {
    /// From a breakpoint as a client wrote it.
    pub(super) fn new(cache_control: &RawValue) -> Self {
        let ttl = Object::scan(cache_control.get()).and_then(|control| control.text("ttl"));
        let ttl = match ttl.as_deref() {
            Some("1h") => Some("1h"),
            Some("5m") => Some("5m"),
            _ => None,
        };
        Self { kind: "default", ttl }
    }
}

/// A block of the system prompt.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum SystemBlock<'r> {
    Text(&'r str),
    CachePoint(CachePoint),
}

impl<'r> SystemBlock<'r> {
    pub(super) const fn text(text: &'r str) -> Self {
        SystemBlock::Text(text)
    }
}

#[derive(Serialize)]
pub(super) struct Message<'r> {
    role: &'static str,
    content: Vec<Block<'r>>,
}

/// System prompt and turns.
#[derive(Default)]
pub(super) struct Conversation<'r> {
    pub(super) system: Vec<SystemBlock<'r>>,
    pub(super) messages: Vec<Message<'r>>,
}

impl<'r> Conversation<'r> {
    /// Words the turns: system turns are hoisted, neighbours of one role become one, results of
    /// tools open the user's turn that follows the calls.
    pub(super) fn new(turns: &'r [Turn<'_>], losses: &mut Losses) -> Result<Self, RequestError> {
        let mut conversation = Self::default();
        let mut writer = Writer { losses, names: Names::default() };
        for turn in turns {
            if turn.has_name {
                writer.losses.note("messages[].name");
            }
            let blocks = writer.blocks(turn)?;
            match turn.role {
                Role::System => {
                    conversation.system.extend(blocks.into_iter().filter_map(
                        |block| match block {
                            Block::Text(text) => Some(SystemBlock::Text(text)),
                            Block::CachePoint(point) => Some(SystemBlock::CachePoint(point)),
                            _ => None,
                        },
                    ));
                }
                Role::Assistant => conversation.say("assistant", blocks),
                Role::User | Role::Tool => conversation.say("user", blocks),
            }
        }
        if conversation.messages.is_empty() {
            // The dialect wants a turn; instructions alone are then the user's.
            let system = std::mem::take(&mut conversation.system);
            let blocks = system.into_iter().map(|block| match block {
                SystemBlock::Text(text) => Block::Text(text),
                SystemBlock::CachePoint(point) => Block::CachePoint(point),
            });
            conversation.say("user", blocks.collect());
        }
        conversation.results_first();
        Ok(conversation)
    }

    fn say(&mut self, role: &'static str, blocks: Vec<Block<'r>>) {
        if blocks.is_empty() {
            return;
        }
        let is_same = self.messages.last().is_some_and(|last| last.role == role);
        if !is_same {
            self.messages.push(Message { role, content: Vec::new() });
        }
        if let Some(last) = self.messages.last_mut() {
            last.content.extend(blocks);
        }
    }

    /// Results stand before whatever else is said. Once for all, because a turn of its own for each of
    /// a hundred thousand results is still one message.
    fn results_first(&mut self) {
        for message in &mut self.messages {
            message.content.sort_by_key(|block| !matches!(block, Block::ToolResult(_)));
        }
    }

    /// Whether a tool was called, or answered.
    pub(super) fn has_calls(&self) -> bool {
        let is_call = |block: &Block<'_>| matches!(block, Block::ToolUse(_) | Block::ToolResult(_));
        self.messages.iter().any(|message| message.content.iter().any(is_call))
    }
}

/// Words parts and notes what cannot be.
struct Writer<'l> {
    losses: &'l mut Losses,
    names: Names,
}

impl Writer<'_> {
    fn blocks<'r>(&mut self, turn: &'r Turn<'_>) -> Result<Vec<Block<'r>>, RequestError> {
        let param = format!("messages[{}]", turn.position);
        let mut blocks = Vec::with_capacity(turn.parts.len());
        for part in &turn.parts {
            let Some(block) = self.block(part, &param)? else { continue };
            if turn.role == Role::System && !matches!(block, Block::Text(_)) {
                self.losses.lose(&format!("{param}.content"), "instructions are text only")?;
                continue;
            }
            blocks.push(block);
            blocks.extend(part.cache_control.map(|raw| Block::CachePoint(CachePoint::new(raw))));
        }
        Ok(blocks)
    }

    fn block<'r>(
        &mut self,
        part: &'r Part<'_>,
        param: &str,
    ) -> Result<Option<Block<'r>>, RequestError> {
        let content = format!("{param}.content");
        Ok(match &part.content {
            // Empty text is refused by the provider and says nothing.
            Content::Text(text) if text.trim().is_empty() => None,
            Content::Text(text) => Some(match &part.cited {
                Some(cited) => {
                    let name = self.names.name(cited.title.as_deref());
                    Block::Document(Document::text(text, name).cited(true))
                }
                None => Block::Text(text),
            }),
            Content::Image(image) => {
                media::picture(image, &content, self.losses)?.map(Block::Image)
            }
            Content::Document { media_type, data, title } => {
                let name = title.as_deref();
                let file = media::document(media_type, data, || self.names.name(name));
                if file.is_none() {
                    let why = format!("files of type {media_type} are not taken");
                    self.losses.lose(&content, &why)?;
                }
                file.map(|file| Block::Document(file.cited(part.cited.is_some())))
            }
            Content::ToolCall { id, name, arguments, .. } => {
                let input = input(arguments, param)?;
                Some(Block::ToolUse(Call { tool_use_id: call_id(id), name, input }))
            }
            Content::ToolResult { call_id: id, parts, is_error } => {
                let mut content = Vec::with_capacity(parts.len());
                for part in parts {
                    content.extend(self.block(part, param)?);
                }
                let status = if *is_error { "error" } else { "success" };
                Some(Block::ToolResult(CallResult { tool_use_id: call_id(id), content, status }))
            }
            Content::Thinking { text, signature } => {
                Some(Block::ReasoningContent(Reasoning::ReasoningText { text, signature }))
            }
            Content::RedactedThinking(data) => {
                Some(Block::ReasoningContent(Reasoning::RedactedContent(sealed(data))))
            }
            Content::UnsignedThinking => {
                self.losses.note("messages[].reasoning_content");
                None
            }
            Content::Other(kind) => {
                self.losses.lose(&content, &format!("`{kind}` has no counterpart there"))?;
                None
            }
        })
    }
}

/// An id of a call as the dialect takes it: up to 64 letters, digits and `_.:-`. Ids of other
/// providers may hold more, and a conversation may have begun with one of them; the end of a long one
/// is what tells it from others.
fn call_id(id: &str) -> Cow<'_, str> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    if !id.is_empty() && id.len() <= CALL_ID_BYTES_MAX && id.chars().all(is_taken) {
        return Cow::Borrowed(id);
    }
    let replaced: Vec<char> = id.chars().map(|c| if is_taken(c) { c } else { '_' }).collect();
    let from = replaced.len().saturating_sub(CALL_ID_BYTES_MAX);
    let kept: String = replaced[from..].iter().collect();
    Cow::Owned(if kept.is_empty() { "_".to_owned() } else { kept })
}

/// Arguments as the object the dialect wants; none at all mean an empty one.
fn input(arguments: &str, param: &str) -> Result<Box<RawValue>, RequestError> {
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let raw = RawValue::from_string(arguments.to_owned());
    raw.ok().filter(|raw| raw.get().starts_with('{')).ok_or_else(|| {
        let param = format!("{param}.tool_calls[].function.arguments");
        RequestError::invalid(param, "they must be the JSON text of an object")
    })
}
