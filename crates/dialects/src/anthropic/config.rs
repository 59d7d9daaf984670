//! How a request steers the model in this dialect: tools, reasoning, shape, sampling.

use serde::Serialize;
use serde_json::value::RawValue;

use super::generation::{Generation, Thinking};
use crate::chat::{ChatRequest, Effort, JsonSchema, ResponseFormat, Sampling, Tool, ToolChoice};
use crate::request::{Losses, RequestError};

/// Least budget of reasoning the provider takes, tokens (its SDK's types, 2.12).
const BUDGET_MIN: u64 = 1_024;

#[derive(Serialize)]
pub(super) struct ToolBody<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    input_schema: InputSchema<'r>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum InputSchema<'r> {
    Given(&'r RawValue),
    Empty(EmptySchema),
}

/// The schema of a tool without arguments.
#[derive(Serialize)]
struct EmptySchema {
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {}

impl<'r> ToolBody<'r> {
    pub(super) fn new(tool: &'r Tool<'_>) -> Self {
        let empty =
            || InputSchema::Empty(EmptySchema { kind: "object", properties: Properties {} });
        Self {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema: tool.parameters.as_deref().map_or_else(empty, InputSchema::Given),
            strict: tool.strict,
            cache_control: tool.cache_control,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ToolChoiceBody<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

/// Which tool must be called. Without tools there is nothing to choose.
pub(super) fn tool_choice<'r>(
    request: &'r ChatRequest<'_>,
    losses: &mut Losses,
) -> Result<Option<ToolChoiceBody<'r>>, RequestError> {
    if !request.offers_tools()? {
        return Ok(None);
    }
    let one_at_a_time = request.parallel_tool_calls == Some(false);
    let choice =
        |kind, name| ToolChoiceBody { kind, name, disable_parallel_tool_use: one_at_a_time };
    Ok(match &request.tool_choice {
        ToolChoice::Unset => one_at_a_time.then(|| choice("auto", None)),
        ToolChoice::Auto => Some(choice("auto", None)),
        ToolChoice::Required => Some(choice("any", None)),
        ToolChoice::Named(name) => Some(choice("tool", Some(name.as_ref()))),
        ToolChoice::None => {
            Some(ToolChoiceBody { kind: "none", name: None, disable_parallel_tool_use: false })
        }
        ToolChoice::Other(kind) => {
            losses.lose("tool_choice", &format!("`{kind}` has no counterpart there"))?;
            None
        }
    })
}

#[derive(Serialize, Default)]
pub(super) struct OutputConfig<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatBody<'r>>,
}

impl OutputConfig<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Serialize)]
struct FormatBody<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'r RawValue,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingBody {
    Adaptive,
    Disabled,
    Enabled { budget_tokens: u64 },
}

/// What decides how much a model may reason.
pub(super) struct ReasoningContext {
    pub(super) generation: Generation,
    pub(super) max_tokens: u64,
    /// The last turn of the model calls tools and shows no reasoning.
    pub(super) resumes_without_thinking: bool,
}

/// Reasoning and shape of the answer.
pub(super) fn output<'r>(
    request: &'r ChatRequest<'_>,
    context: &ReasoningContext,
    losses: &mut Losses,
) -> Result<(Option<ThinkingBody>, OutputConfig<'r>), RequestError> {
    let mut config = OutputConfig::default();
    match &request.format {
        ResponseFormat::JsonSchema(JsonSchema { schema, .. }) => {
            config.format = Some(FormatBody { kind: "json_schema", schema });
        }
        ResponseFormat::Other(kind) => {
            losses.lose("response_format", &format!("`{kind}` has no counterpart there"))?;
        }
        // A free object has no counterpart: the encoder asks for it in the system prompt.
        ResponseFormat::JsonObject | ResponseFormat::Text => {}
    }
    let thinking = match (request.effort, context.generation.thinking) {
        (None, _) | (Some(Effort::None), Thinking::Budget | Thinking::Never) => None,
        (Some(Effort::None), Thinking::Adaptive) => Some(ThinkingBody::Disabled),
        (Some(effort), Thinking::Adaptive) => {
            config.effort = Some(effort_name(effort));
            Some(ThinkingBody::Adaptive)
        }
        (Some(effort), Thinking::Budget) => budget(effort, request, context, losses),
        (Some(_), Thinking::Never) => {
            losses.lose("reasoning_effort", "this model does not reason")?;
            None
        }
    };
    Ok((thinking, config))
}

fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

/// A budget for the effort, where the provider would take one: below the limit, with the choice of
/// tools free, and not in the middle of calls whose reasoning is gone. Effort is a hint, so that its
/// loss is named and never refused.
fn budget(
    effort: Effort,
    request: &ChatRequest<'_>,
    context: &ReasoningContext,
    losses: &mut Losses,
) -> Option<ThinkingBody> {
    let wanted = match effort {
        Effort::None | Effort::Minimal | Effort::Low => BUDGET_MIN,
        Effort::Medium => 4_096,
        Effort::High => 16_384,
        Effort::Xhigh | Effort::Max => 31_999,
    };
    let is_forced = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
    let budget_tokens = wanted.min(context.max_tokens.saturating_sub(1));
    if is_forced || context.resumes_without_thinking || budget_tokens < BUDGET_MIN {
        losses.note("reasoning_effort");
        return None;
    }
    Some(ThinkingBody::Enabled { budget_tokens })
}

#[derive(Serialize, Default)]
pub(super) struct SamplingBody<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'r RawValue>,
}

/// Sampling where the generation takes it. Newer ones refuse it even at its defaults, so that it is
/// dropped and named; a default that is dropped changes nothing and is not named.
pub(super) fn sampling<'r>(
    sampling: &'r Sampling<'_>,
    is_taken: bool,
    losses: &mut Losses,
) -> Result<SamplingBody<'r>, RequestError> {
    let is_default = |raw: &RawValue| matches!(raw.get(), "1" | "1.0");
    if !is_taken {
        let given = [
            ("temperature", sampling.temperature.filter(|raw| !is_default(raw))),
            ("top_p", sampling.top_p.filter(|raw| !is_default(raw))),
            ("top_k", sampling.top_k),
        ];
        for (name, _) in given.iter().filter(|(_, raw)| raw.is_some()) {
            losses.note(name);
        }
        return Ok(SamplingBody::default());
    }
    let mut temperature = sampling.temperature;
    let hot = temperature.and_then(|raw| raw.get().parse::<f64>().ok()).is_some_and(|t| t > 1.0);
    if hot {
        losses.lose("temperature", "it must lie between 0 and 1 there")?;
        temperature = None;
    }
    Ok(SamplingBody { temperature, top_p: sampling.top_p, top_k: sampling.top_k })
}
