//! A neutral request as this dialect words it. The model and whether the answer is streamed stand in
//! the path ([`super::path`]).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::conversation::{ContentBody, Conversation, PartBody};
use super::generation::{self, Thinking, budget, level};
use crate::chat::{ChatRequest, Effort, ResponseFormat, Tool, ToolChoice};
use crate::json::append;
use crate::request::{Encoded, Losses, RequestError, Target};

/// Texts that may end an answer, at most (the vendor's reference, read 2026-11-22).
const STOP_MAX: usize = 5;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<SystemBody<'r>>,
    contents: Vec<ContentBody<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolsBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'r>>,
    generation_config: Config<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
struct SystemBody<'r> {
    parts: Vec<PartBody<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolsBody<'r> {
    function_declarations: Vec<Declaration<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'r> {
    function_calling_config: Calling<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'r> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'r str; 1]>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'r> {
    #[serde(flatten)]
    sampling: SamplingBody<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingBody>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct SamplingBody<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    include_thoughts: bool,
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if request.choices > 1 {
        return Err(RequestError::unsupported("n", "one answer a request is all it gives"));
    }
    let mut losses = Losses::new(target.drop_params);
    let generation = generation::of(target.model);
    let limit = request.max_output_tokens.into_iter().chain(target.max_output_tokens).min();
    let conversation = Conversation::new(&request.turns, generation, &mut losses)?;
    if conversation.contents.is_empty() {
        return Err(RequestError::invalid("messages", "none of them says anything"));
    }
    let mut sampling = SamplingBody {
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        top_k: request.sampling.top_k,
        ..SamplingBody::default()
    };
    let service_tier = carried(&request.rest, &mut sampling, &mut losses)?;
    if request.user.is_some() {
        losses.note("user");
    }
    let mut config = Config {
        sampling,
        max_output_tokens: limit,
        stop_sequences: stop(&request.sampling.stop, &mut losses)?,
        thinking_config: thinking(request.effort, generation.thinking, &mut losses)?,
        ..Config::default()
    };
    format(&request.format, &mut config, &mut losses)?;
    let declarations: Vec<_> = request.tools.iter().map(declaration).collect();
    let body = Body {
        system_instruction: (!conversation.system.is_empty())
            .then_some(SystemBody { parts: conversation.system }),
        contents: conversation.contents,
        tool_config: tool_config(request, &mut losses)?,
        tools: if declarations.is_empty() {
            Vec::new()
        } else {
            vec![ToolsBody { function_declarations: declarations }]
        },
        generation_config: config,
        service_tier,
    };
    let mut out = Vec::with_capacity(request.text_bytes() + 1024);
    append(&mut out, &body);
    Ok(Encoded {
        body: out.into(),
        dropped: losses.into_names(),
        headers: Vec::new(),
        max_output_tokens: limit,
    })
}

/// Takes the parameters that mean the same here; gives the tier.
fn carried<'r>(
    rest: &'r [(Cow<'_, str>, &str)],
    sampling: &mut SamplingBody<'r>,
    losses: &mut Losses,
) -> Result<Option<&'static str>, RequestError> {
    let mut tier = None;
    for (name, json) in rest {
        let slot = match name.as_ref() {
            "seed" => &mut sampling.seed,
            "presence_penalty" => &mut sampling.presence_penalty,
            "frequency_penalty" => &mut sampling.frequency_penalty,
            "service_tier" => {
                tier = match json.trim_ascii() {
                    "\"flex\"" => Some("flex"),
                    "\"priority\"" => Some("priority"),
                    "\"auto\"" | "\"default\"" | "\"standard\"" | "\"standard_only\"" => None,
                    _ => {
                        losses.lose(name, "this tier has no counterpart there")?;
                        None
                    }
                };
                continue;
            }
            _ => {
                losses.lose(name, "it has no counterpart there")?;
                continue;
            }
        };
        *slot = serde_json::from_str(json).ok();
    }
    Ok(tier)
}

fn stop<'r>(stop: &'r [Cow<'_, str>], losses: &mut Losses) -> Result<Vec<&'r str>, RequestError> {
    if stop.len() > STOP_MAX {
        losses.lose("stop", "five texts at most may end an answer there")?;
    }
    Ok(stop.iter().take(STOP_MAX).map(AsRef::as_ref).collect())
}

/// How much to reason. Who asks for reasoning is shown it.
fn thinking(
    effort: Option<Effort>,
    thinking: Thinking,
    losses: &mut Losses,
) -> Result<Option<ThinkingBody>, RequestError> {
    let Some(effort) = effort else { return Ok(None) };
    let include_thoughts = effort != Effort::None;
    Ok(match thinking {
        Thinking::Never if effort == Effort::None => None,
        Thinking::Never => {
            losses.lose("reasoning_effort", "this model does not reason")?;
            None
        }
        Thinking::Budget { least, most } => Some(ThinkingBody {
            thinking_level: None,
            thinking_budget: Some(budget(effort, least, most)),
            include_thoughts,
        }),
        Thinking::Level { has_minimal } => Some(ThinkingBody {
            thinking_level: Some(level(effort, has_minimal)),
            thinking_budget: None,
            include_thoughts,
        }),
    })
}

fn format<'r>(
    format: &'r ResponseFormat<'_>,
    config: &mut Config<'r>,
    losses: &mut Losses,
) -> Result<(), RequestError> {
    const JSON: Option<&str> = Some("application/json");
    match format {
        ResponseFormat::Text => {}
        ResponseFormat::JsonObject => config.response_mime_type = JSON,
        ResponseFormat::JsonSchema(format) => {
            config.response_mime_type = JSON;
            config.response_json_schema = Some(&format.schema);
        }
        ResponseFormat::Other(kind) => {
            losses.lose("response_format", &format!("`{kind}` has no counterpart there"))?;
        }
    }
    Ok(())
}

fn declaration<'r>(tool: &'r Tool<'_>) -> Declaration<'r> {
    Declaration {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: tool.parameters.as_deref(),
    }
}

fn tool_config<'r>(
    request: &'r ChatRequest<'_>,
    losses: &mut Losses,
) -> Result<Option<ToolConfig<'r>>, RequestError> {
    if request.tools.iter().any(|tool| tool.cache_control.is_some()) {
        losses.note("cache_control");
    }
    if !request.offers_tools()? {
        return Ok(None);
    }
    if request.forbids_parallel_calls() {
        losses.lose("parallel_tool_calls", "several calls at once cannot be ruled out there")?;
    }
    let (mode, name) = match &request.tool_choice {
        ToolChoice::Unset => return Ok(None),
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some([name.as_ref()])),
        ToolChoice::Other(kind) => {
            losses.lose("tool_choice", &format!("`{kind}` has no counterpart there"))?;
            return Ok(None);
        }
    };
    let function_calling_config = Calling { mode, allowed_function_names: name };
    Ok(Some(ToolConfig { function_calling_config }))
}

#[cfg(test)]
mod tests;
