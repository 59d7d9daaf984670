//! The conversation as this dialect words it: turns of user and assistant made of blocks.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::seal::is_native;
use crate::chat::{Content, Image, Part, Role, Turn};
use crate::request::{Losses, RequestError};

/// Media types the vendor takes as images (its SDK's types, 2.12).
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'r> {
    Text {
        text: &'r str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'r RawValue>,
    },
    Image {
        source: Source<'r>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'r RawValue>,
    },
    Document {
        source: Source<'r>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'r str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'r RawValue>,
    },
    ToolUse {
        id: Cow<'r, str>,
        name: &'r str,
        input: Box<RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'r RawValue>,
    },
    ToolResult {
        tool_use_id: Cow<'r, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'r>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'r RawValue>,
    },
    Thinking {
        thinking: &'r str,
        signature: &'r str,
    },
    RedactedThinking {
        data: &'r str,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'r> {
    Base64 { media_type: &'r str, data: &'r str },
    Url { url: &'r str },
}

#[derive(Serialize)]
pub(super) struct Message<'r> {
    role: &'static str,
    content: Vec<Block<'r>>,
}

/// System prompt and turns.
#[derive(Default)]
pub(super) struct Conversation<'r> {
    pub(super) system: Vec<Block<'r>>,
    pub(super) messages: Vec<Message<'r>>,
}

impl<'r> Conversation<'r> {
    /// Words the turns: system turns are hoisted, neighbours of one role become one, results of
    /// tools open the user's turn that follows the calls.
    pub(super) fn new(turns: &'r [Turn<'_>], losses: &mut Losses) -> Result<Self, RequestError> {
        let mut conversation = Self::default();
        for turn in turns {
            if turn.has_name {
                losses.note("messages[].name");
            }
            let blocks = blocks(turn, losses)?;
            match turn.role {
                Role::System => conversation.system.extend(blocks),
                Role::Assistant => conversation.say("assistant", blocks),
                Role::User | Role::Tool => conversation.say("user", blocks),
            }
        }
        if conversation.messages.is_empty() {
            // The dialect wants a turn; instructions alone are then the user's.
            let system = std::mem::take(&mut conversation.system);
            conversation.say("user", system);
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
            message.content.sort_by_key(|block| !matches!(block, Block::ToolResult { .. }));
        }
    }

    /// Whether the model is in the middle of calling tools and its last turn shows no reasoning:
    /// with a budget of reasoning the provider would refuse such a conversation.
    pub(super) fn resumes_without_thinking(&self) -> bool {
        let calls = |block: &Block<'_>| matches!(block, Block::ToolUse { .. });
        let thinks = |block: &Block<'_>| {
            matches!(block, Block::Thinking { .. } | Block::RedactedThinking { .. })
        };
        let last = self.messages.iter().rev().find(|message| message.role == "assistant");
        last.is_some_and(|message| {
            message.content.iter().any(calls) && !message.content.iter().any(thinks)
        })
    }
}

fn blocks<'r>(turn: &'r Turn<'_>, losses: &mut Losses) -> Result<Vec<Block<'r>>, RequestError> {
    let param = format!("messages[{}]", turn.position);
    let mut blocks = Vec::with_capacity(turn.parts.len());
    for part in &turn.parts {
        if let Some(block) = block(part, &param, losses)? {
            let is_text = matches!(block, Block::Text { .. });
            if turn.role == Role::System && !is_text {
                losses.lose(&format!("{param}.content"), "instructions are text only")?;
            } else {
                blocks.push(block);
            }
        }
    }
    Ok(blocks)
}

fn block<'r>(
    part: &'r Part<'_>,
    param: &str,
    losses: &mut Losses,
) -> Result<Option<Block<'r>>, RequestError> {
    let cache_control = part.cache_control;
    let content = format!("{param}.content");
    Ok(match &part.content {
        // Empty text is refused by the provider and says nothing.
        Content::Text(text) if text.trim().is_empty() => None,
        Content::Text(text) => Some(Block::Text { text, cache_control }),
        Content::Image(image) => {
            source(image, &content, losses)?.map(|source| Block::Image { source, cache_control })
        }
        Content::Document { media_type, data, title } if media_type == "application/pdf" => {
            let source = Source::Base64 { media_type, data };
            Some(Block::Document { source, title: title.as_deref(), cache_control })
        }
        Content::Document { media_type, .. } => {
            losses.lose(&content, &format!("files of type {media_type} are not taken"))?;
            None
        }
        Content::ToolCall { id, name, arguments, .. } => {
            let input = input(arguments, param)?;
            Some(Block::ToolUse { id: call_id(id), name, input, cache_control })
        }
        Content::ToolResult { call_id: id, parts, is_error } => {
            let mut content = Vec::with_capacity(parts.len());
            for part in parts {
                content.extend(block(part, param, losses)?);
            }
            let (tool_use_id, is_error) = (call_id(id), *is_error);
            Some(Block::ToolResult { tool_use_id, content, is_error, cache_control })
        }
        Content::Thinking { text, signature } if is_native(signature) => {
            Some(Block::Thinking { thinking: text, signature })
        }
        Content::RedactedThinking(data) if is_native(data) => {
            Some(Block::RedactedThinking { data })
        }
        // What another provider signed, or nobody, is not taken back.
        Content::Thinking { .. } | Content::RedactedThinking(_) | Content::UnsignedThinking => {
            losses.note("messages[].reasoning_content");
            None
        }
        Content::Other(kind) => {
            losses.lose(&content, &format!("`{kind}` has no counterpart there"))?;
            None
        }
    })
}

fn source<'r>(
    image: &'r Image<'_>,
    param: &str,
    losses: &mut Losses,
) -> Result<Option<Source<'r>>, RequestError> {
    Ok(match image {
        Image::Data { media_type, data } if IMAGE_TYPES.contains(&media_type.as_ref()) => {
            Some(Source::Base64 { media_type, data })
        }
        Image::Url(url) if url.starts_with("https://") || url.starts_with("http://") => {
            Some(Source::Url { url })
        }
        Image::Data { media_type, .. } => {
            losses.lose(param, &format!("images of type {media_type} are not taken"))?;
            None
        }
        Image::Url(_) => {
            losses.lose(param, "images are taken as http or base64 data URLs only")?;
            None
        }
    })
}

/// An id of a call as the dialect takes it: letters, digits, `_` and `-`. Ids of other providers may
/// hold more, and a conversation may have begun with one of them.
fn call_id(id: &str) -> Cow<'_, str> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(is_taken) {
        return Cow::Borrowed(id);
    }
    let replaced: String = id.chars().map(|c| if is_taken(c) { c } else { '_' }).collect();
    Cow::Owned(if replaced.is_empty() { "_".to_owned() } else { replaced })
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
