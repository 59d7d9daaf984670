//! A neutral request as this dialect words it. Model and streaming are told by the path.

use serde::Serialize;

use super::blocks::{Conversation, Message, SystemBlock};
use super::config::{
    Additional, InferenceConfig, OutputConfig, ServiceTier, ToolConfig, additional, inference,
    output, tier, tools,
};
use crate::chat::{ChatRequest, ResponseFormat};
use crate::json::append;
use crate::request::{Encoded, Losses, RequestError, Target};

/// Stands for `json_object`, which this dialect lacks: its structured output wants a schema.
const JSON_INSTRUCTION: &str = "Answer with one JSON object and nothing else, without code fences.";

/// Longest id of an end user that is carried, and what it may hold beside letters and digits
/// (botocore 1.44, `RequestMetadata`).
const USER_BYTES_MAX: usize = 256;
const USER_SIGNS: &str = " :_@$#=/+,-.";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'r> {
    messages: &'r [Message<'r>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    system: &'r [SystemBlock<'r>],
    #[serde(skip_serializing_if = "InferenceConfig::is_empty")]
    inference_config: InferenceConfig<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'r>>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<ServiceTier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_request_fields: Option<Additional<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_metadata: Option<Metadata<'r>>,
}

/// What the service writes into its log of invocations.
#[derive(Serialize)]
struct Metadata<'r> {
    user: &'r str,
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if request.choices > 1 {
        return Err(RequestError::unsupported("n", "one answer a request is all it gives"));
    }
    let mut losses = Losses::new(target.drop_params);
    let service_tier = rest(&request.rest, &mut losses)?;
    let max_tokens = request.max_output_tokens.into_iter().chain(target.max_output_tokens).min();
    let mut conversation = Conversation::new(&request.turns, &mut losses)?;
    if matches!(request.format, ResponseFormat::JsonObject) {
        conversation.system.push(SystemBlock::text(JSON_INSTRUCTION));
    }
    if conversation.messages.is_empty() {
        return Err(RequestError::invalid("messages", "none of them says anything"));
    }
    let body = Body {
        inference_config: inference(request, max_tokens, &mut losses)?,
        tool_config: tools(request, conversation.has_calls(), &mut losses)?,
        output_config: output(request, &mut losses)?,
        service_tier,
        additional_model_request_fields: additional(request, target.model, &mut losses)?,
        request_metadata: request.user.as_deref().and_then(|user| metadata(user, &mut losses)),
        messages: &conversation.messages,
        system: &conversation.system,
    };
    let mut out = Vec::with_capacity(request.text_bytes() + 1024);
    append(&mut out, &body);
    Ok(Encoded {
        body: out.into(),
        dropped: losses.into_names(),
        headers: Vec::new(),
        max_output_tokens: max_tokens,
    })
}

/// What of the other parameters this dialect has a word for.
fn rest(
    rest: &[(std::borrow::Cow<'_, str>, &str)],
    losses: &mut Losses,
) -> Result<Option<ServiceTier>, RequestError> {
    let mut service_tier = None;
    for (name, json) in rest {
        match (name.as_ref(), tier(json)) {
            ("service_tier", Some(told)) => service_tier = Some(told),
            _ => losses.lose(name, "it has no counterpart there")?,
        }
    }
    Ok(service_tier)
}

fn metadata<'r>(user: &'r str, losses: &mut Losses) -> Option<Metadata<'r>> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || USER_SIGNS.contains(c);
    if user.len() <= USER_BYTES_MAX && user.chars().all(is_taken) {
        return Some(Metadata { user });
    }
    losses.note("user");
    None
}

#[cfg(test)]
mod tests;
