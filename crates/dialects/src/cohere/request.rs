//! A neutral request as this dialect words it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::config::{FormatBody, Thinking, ToolBody, ToolSet, format, sampled, thinking, tools};
use super::messages::{Message, messages};
use crate::chat::ChatRequest;
use crate::json::append;
use crate::request::{Encoded, Losses, RequestError, Target};

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    messages: Vec<Message<'r>>,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolBody<'r>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict_tools: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(flatten)]
    draw: Draw<'r>,
}

/// How tokens are drawn.
#[derive(Serialize, Default)]
struct Draw<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'r RawValue>,
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if request.choices > 1 {
        return Err(RequestError::unsupported("n", "one answer a request is all it gives"));
    }
    let mut losses = Losses::new(target.drop_params);
    let draw = draw(request, &mut losses)?;
    let messages = messages(&request.turns, &mut losses)?;
    if messages.is_empty() {
        return Err(RequestError::invalid("messages", "none of them says anything"));
    }
    if request.user.is_some() {
        losses.note("user");
    }
    let max_tokens = request.max_output_tokens.into_iter().chain(target.max_output_tokens).min();
    let ToolSet { tools, strict_tools, tool_choice } = tools(request, &mut losses)?;
    let body = Body {
        model: target.model,
        messages,
        stream: request.stream,
        tools,
        strict_tools,
        tool_choice,
        response_format: format(&request.format, &mut losses)?,
        thinking: request.effort.map(|effort| thinking(effort, max_tokens)),
        max_tokens,
        draw,
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

fn draw<'r>(request: &'r ChatRequest<'_>, losses: &mut Losses) -> Result<Draw<'r>, RequestError> {
    let sampling = &request.sampling;
    let mut draw = Draw {
        stop_sequences: sampling.stop.iter().map(AsRef::as_ref).collect(),
        temperature: sampling.temperature,
        p: sampling.top_p.map(sampled),
        k: sampling.top_k,
        ..Draw::default()
    };
    for (name, json) in &request.rest {
        let raw: Option<&RawValue> = serde_json::from_str(json).ok();
        match (name.as_ref(), raw) {
            ("seed", Some(raw)) => draw.seed = Some(raw),
            ("frequency_penalty", Some(raw)) if is_penalty(raw) => {
                draw.frequency_penalty = Some(raw);
            }
            ("presence_penalty", Some(raw)) if is_penalty(raw) => {
                draw.presence_penalty = Some(raw);
            }
            ("frequency_penalty" | "presence_penalty", _) => {
                losses.lose(name, "it must lie between 0 and 1 there")?;
            }
            _ => losses.lose(name, "it has no counterpart there")?,
        }
    }
    Ok(draw)
}

/// Penalties lie between 0 and 1 here (cohere 7.3, `v2.chat`); elsewhere they begin at -2.
fn is_penalty(raw: &RawValue) -> bool {
    raw.get().parse::<f64>().is_ok_and(|value| (0.0..=1.0).contains(&value))
}

#[cfg(test)]
mod tests;
