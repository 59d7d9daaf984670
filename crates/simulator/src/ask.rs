//! What a request asks for, whatever dialect it came in.

use serde_json::Value;

use crate::prefix::CacheStyle;
use crate::prompt::Prompt;

/// One request, read and validated.
#[derive(Debug)]
pub(crate) struct Ask {
    /// The model's name as sent, script included.
    pub(crate) model: String,
    /// The prompt's size and hash.
    pub(crate) prompt: Prompt,
    /// What the dialect's prompt cache keeps.
    pub(crate) cache: CacheStyle,
    /// What bounds each answer.
    pub(crate) limits: Limits,
    /// What the answer consists of.
    pub(crate) wish: Wish,
    /// Whether the model thinks first.
    pub(crate) thinking: Thinking,
    /// The model that advises the answering one.
    pub(crate) advisor: Option<Advisor>,
    /// Service tier told in the answer.
    pub(crate) tier: &'static str,
    /// The answer is streamed.
    pub(crate) is_stream: bool,
    /// A stream ends with its usage, where the dialect leaves that to the client.
    pub(crate) wants_usage: bool,
}

/// A further model that the answering one asks, and is billed for.
#[derive(Debug, Clone)]
pub(crate) struct Advisor {
    /// Its name.
    pub(crate) model: String,
    /// Most times it is asked.
    pub(crate) uses_max: Option<u64>,
    /// Most output tokens of each piece of advice.
    pub(crate) tokens_max: Option<u64>,
}

/// What bounds an answer.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Most output tokens of each choice, reasoning included.
    pub(crate) tokens_max: Option<u64>,
    /// Texts that end an answer where they would begin.
    pub(crate) stops: Vec<String>,
    /// How many answers.
    pub(crate) choices: u32,
}

/// What the model writes.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Prose.
    Text,
    /// Calls of these tools, in order.
    Tools(Vec<ToolCall>),
    /// JSON that satisfies a schema.
    Json(Value),
}

/// A tool to call.
#[derive(Debug, Clone)]
pub(crate) struct ToolCall {
    /// Its name.
    pub(crate) name: String,
    /// The schema of its arguments.
    pub(crate) schema: Value,
}

/// Whether a model reasons before it answers, and whether that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// It does not.
    Off,
    /// It does and only the count is told, tokens.
    Hidden(u64),
    /// It does and the text is shown, tokens.
    Shown(u64),
}

impl Thinking {
    /// Reasoning tokens a model spends at an effort's name, about doubling from one to the next.
    pub(crate) fn tokens_of_effort(effort: &str) -> Option<u64> {
        match effort {
            "none" => Some(0),
            "minimal" => Some(8),
            "low" => Some(32),
            "medium" => Some(64),
            "high" => Some(128),
            "xhigh" => Some(256),
            "max" => Some(512),
            _ => None,
        }
    }
}

/// Chooses the tools to call: one by default, two when the client asks for `parallel` and allows it.
pub(crate) fn calls_of(tools: Vec<ToolCall>, is_parallel: bool) -> Wish {
    let count = if is_parallel { 2 } else { 1 };
    Wish::Tools(
        tools.iter().cycle().take(if tools.is_empty() { 0 } else { count }).cloned().collect(),
    )
}
