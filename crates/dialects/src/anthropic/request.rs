//! A neutral request as this dialect words it.

use std::borrow::Cow;

use serde::Serialize;

use super::VERSION_HEADER;
use super::blocks::{Block, Conversation, Message};
use super::config::{
    OutputConfig, ReasoningContext, SamplingBody, ThinkingBody, ToolBody, ToolChoiceBody, output,
    sampling, tool_choice,
};
use super::generation;
use crate::chat::{ChatRequest, ResponseFormat};
use crate::json::append;
use crate::request::{Encoded, Losses, RequestError, Target};

/// Stands for `json_object`, which this dialect lacks: its structured output wants a schema.
const JSON_INSTRUCTION: &str = "Answer with one JSON object and nothing else, without code fences.";

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    system: &'r [Block<'r>],
    messages: &'r [Message<'r>],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoiceBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingBody>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig<'r>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'r str>,
    #[serde(flatten)]
    sampling: SamplingBody<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'r>>,
}

#[derive(Serialize)]
struct Metadata<'r> {
    user_id: &'r str,
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if request.choices > 1 {
        return Err(RequestError::unsupported("n", "one answer a request is all it gives"));
    }
    let mut losses = Losses::new(target.drop_params);
    for (name, _) in &request.rest {
        losses.lose(name, "it has no counterpart there")?;
    }
    let generation = generation::of(target.model);
    let asked = request.max_output_tokens.into_iter().chain(target.max_output_tokens).min();
    let max_tokens = asked.unwrap_or(generation.default_max_tokens).max(1);
    let mut conversation = Conversation::new(&request.turns, &mut losses)?;
    if matches!(request.format, ResponseFormat::JsonObject) {
        conversation.system.push(Block::Text { text: JSON_INSTRUCTION, cache_control: None });
    }
    if conversation.messages.is_empty() {
        return Err(RequestError::invalid("messages", "none of them says anything"));
    }
    let context = ReasoningContext {
        generation,
        max_tokens,
        resumes_without_thinking: conversation.resumes_without_thinking(),
    };
    let (thinking, output_config) = output(request, &context, &mut losses)?;
    // A budget of reasoning excludes sampling.
    let is_budget = matches!(thinking, Some(ThinkingBody::Enabled { .. }));
    let takes_sampling = generation.sampling && !is_budget;
    let body = Body {
        model: target.model,
        max_tokens,
        stream: request.stream,
        system: &conversation.system,
        messages: &conversation.messages,
        tools: request.tools.iter().map(ToolBody::new).collect(),
        tool_choice: tool_choice(request, &mut losses)?,
        thinking,
        output_config,
        stop_sequences: stop_sequences(&request.sampling.stop, &mut losses)?,
        sampling: sampling(&request.sampling, takes_sampling, &mut losses)?,
        metadata: request.user.as_deref().map(|user_id| Metadata { user_id }),
    };
    let mut out = Vec::with_capacity(request.text_bytes() + 1024);
    append(&mut out, &body);
    Ok(Encoded {
        body: out.into(),
        dropped: losses.into_names(),
        headers: vec![(VERSION_HEADER, generation.version().to_owned())],
        max_output_tokens: Some(max_tokens),
    })
}

/// The texts that end the answer; those of white space alone are refused by the provider.
fn stop_sequences<'r>(
    stop: &'r [Cow<'_, str>],
    losses: &mut Losses,
) -> Result<Vec<&'r str>, RequestError> {
    let (said, blank): (Vec<&str>, Vec<&str>) =
        stop.iter().map(AsRef::as_ref).partition(|text| !text.trim().is_empty());
    if !blank.is_empty() {
        losses.lose("stop", "a text of white space alone cannot end an answer there")?;
    }
    Ok(said)
}

#[cfg(test)]
mod tests;
