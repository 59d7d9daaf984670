//! A neutral request as this dialect words it.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::messages::{MessageBody, messages};
use super::request::limit_name;
use crate::chat::{ChatRequest, Effort, ResponseFormat, Tool, ToolChoice};
use crate::json::append;
use crate::request::{Encoded, Losses, RequestError, Target};

/// Texts that may end an answer, at most (OpenAI's reference).
const STOP_MAX: usize = 4;

/// Tiers that mean the same wherever the word is used.
const TIERS: [&str; 6] =
    ["\"auto\"", "\"default\"", "\"flex\"", "\"priority\"", "\"scale\"", "\"fast\""];

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    messages: Vec<MessageBody<'r>>,
    #[serde(flatten)]
    limit: Limit,
    #[serde(flatten)]
    streaming: Streaming,
    #[serde(flatten)]
    tools: Tools<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'r str>,
    #[serde(flatten)]
    carried: Carried<'r>,
}

/// Most tokens, under the name the model takes.
struct Limit(&'static str, Option<u64>);

impl Serialize for Limit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(tokens) = self.1 {
            map.serialize_entry(self.0, &tokens)?;
        }
        map.end()
    }
}

/// A stream always tells its usage, whoever asked for it.
#[derive(Serialize, Default)]
struct Streaming {
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize, Default)]
struct Tools<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct ToolBody<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionBody<'r>,
}

#[derive(Serialize)]
struct FunctionBody<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChoiceBody<'r> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        function: Named<'r>,
    },
}

#[derive(Serialize)]
struct Named<'r> {
    name: &'r str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatBody<'r> {
    JsonObject,
    JsonSchema { json_schema: SchemaBody<'r> },
}

#[derive(Serialize)]
struct SchemaBody<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    schema: &'r RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Parameters that mean here what they meant where they came from, to the letter.
#[derive(Default)]
struct Carried<'r>(Vec<(&'static str, &'r RawValue)>);

impl Serialize for Carried<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if request.choices > 1 {
        return Err(RequestError::unsupported("n", "one answer a request is all it gives"));
    }
    let mut losses = Losses::new(target.drop_params);
    let carried = carried(&request.rest, &mut losses)?;
    let limit = request.max_output_tokens.into_iter().chain(target.max_output_tokens).min();
    let messages = messages(&request.turns, &mut losses)?;
    if messages.is_empty() {
        return Err(RequestError::invalid("messages", "none of them says anything"));
    }
    if request.sampling.top_k.is_some() {
        losses.lose("top_k", "it has no counterpart there")?;
    }
    let body = Body {
        model: target.model,
        messages,
        limit: Limit(limit_name(target.model), limit),
        streaming: streaming(request.stream),
        tools: tools(request, &mut losses)?,
        response_format: format(&request.format, &mut losses)?,
        reasoning_effort: request.effort.map(Effort::as_str),
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        stop: stop(&request.sampling.stop, &mut losses)?,
        user: request.user.as_deref(),
        carried,
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

fn streaming(streams: bool) -> Streaming {
    if !streams {
        return Streaming::default();
    }
    Streaming { stream: Some(true), stream_options: Some(StreamOptions { include_usage: true }) }
}

fn carried<'r>(
    rest: &'r [(Cow<'_, str>, &str)],
    losses: &mut Losses,
) -> Result<Carried<'r>, RequestError> {
    let mut carried = Carried::default();
    for (name, json) in rest {
        let key = match name.as_ref() {
            "frequency_penalty" => Some("frequency_penalty"),
            "presence_penalty" => Some("presence_penalty"),
            "seed" => Some("seed"),
            "verbosity" | "text.verbosity" => Some("verbosity"),
            "service_tier" if TIERS.contains(&json.trim_ascii()) => Some("service_tier"),
            _ => None,
        };
        match key.zip(serde_json::from_str(json).ok()) {
            Some(entry) => carried.0.push(entry),
            None => losses.lose(name, "it has no counterpart there")?,
        }
    }
    Ok(carried)
}

/// The tools and what is said of their use. Without tools there is nothing to choose.
fn tools<'r>(request: &'r ChatRequest<'_>, losses: &mut Losses) -> Result<Tools<'r>, RequestError> {
    if !request.offers_tools()? {
        return Ok(Tools::default());
    }
    if request.tools.iter().any(|tool| tool.cache_control.is_some()) {
        losses.note("cache_control");
    }
    let tool_choice = match &request.tool_choice {
        ToolChoice::Unset => None,
        ToolChoice::Auto => Some(ChoiceBody::Word("auto")),
        ToolChoice::None => Some(ChoiceBody::Word("none")),
        ToolChoice::Required => Some(ChoiceBody::Word("required")),
        ToolChoice::Named(name) => {
            Some(ChoiceBody::Named { kind: "function", function: Named { name } })
        }
        ToolChoice::Other(kind) => {
            losses.lose("tool_choice", &format!("`{kind}` has no counterpart there"))?;
            None
        }
    };
    let tools = request.tools.iter().map(tool).collect();
    Ok(Tools { tools, tool_choice, parallel_tool_calls: request.parallel_tool_calls })
}

fn tool<'r>(tool: &'r Tool<'_>) -> ToolBody<'r> {
    ToolBody {
        kind: "function",
        function: FunctionBody {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_deref(),
            strict: tool.strict,
        },
    }
}

fn format<'r>(
    format: &'r ResponseFormat<'_>,
    losses: &mut Losses,
) -> Result<Option<FormatBody<'r>>, RequestError> {
    Ok(match format {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some(FormatBody::JsonObject),
        ResponseFormat::JsonSchema(format) => Some(FormatBody::JsonSchema {
            json_schema: SchemaBody {
                // The name is required here and says nothing to the model.
                name: format.name.as_deref().unwrap_or("answer"),
                description: format.description.as_deref(),
                schema: &format.schema,
                strict: format.strict,
            },
        }),
        ResponseFormat::Other(kind) => {
            losses.lose("response_format", &format!("`{kind}` has no counterpart there"))?;
            None
        }
    })
}

fn stop<'r>(stop: &'r [Cow<'_, str>], losses: &mut Losses) -> Result<Vec<&'r str>, RequestError> {
    if stop.len() > STOP_MAX {
        losses.lose("stop", "four texts at most may end an answer there")?;
    }
    Ok(stop.iter().take(STOP_MAX).map(AsRef::as_ref).collect())
}

#[cfg(test)]
mod tests;
