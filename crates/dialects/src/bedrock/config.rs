//! How a request steers the model in this dialect: sampling, tools, reasoning, shape, tier.

use serde::Serialize;
use serde_json::value::RawValue;

use super::blocks::CachePoint;
use crate::chat::{ChatRequest, Effort, ResponseFormat, Tool, ToolChoice};
use crate::json::plain_text;
use crate::request::{Losses, RequestError};

/// Models whose own words for sampling go beyond the dialect's: part of their ids.
const TAKES_TOP_K: &str = "anthropic.";

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct InferenceConfig<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'r str>,
}

impl InferenceConfig<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.max_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && self.stop_sequences.is_empty()
    }
}

/// Limits and sampling.
pub(super) fn inference<'r>(
    request: &'r ChatRequest<'_>,
    max_tokens: Option<u64>,
    losses: &mut Losses,
) -> Result<InferenceConfig<'r>, RequestError> {
    let mut temperature = request.sampling.temperature;
    let hot = temperature.and_then(|raw| raw.get().parse::<f64>().ok()).is_some_and(|t| t > 1.0);
    if hot {
        losses.lose("temperature", "it must lie between 0 and 1 there")?;
        temperature = None;
    }
    let stop_sequences: Vec<&str> =
        request.sampling.stop.iter().map(AsRef::as_ref).filter(|text| !text.is_empty()).collect();
    Ok(InferenceConfig { max_tokens, temperature, top_p: request.sampling.top_p, stop_sequences })
}

/// What models take in words of their own.
#[derive(Serialize)]
pub(super) struct Additional<'r> {
    top_k: &'r RawValue,
}

/// Sampling the dialect leaves to the model.
pub(super) fn additional<'r>(
    request: &'r ChatRequest<'_>,
    model: &str,
    losses: &mut Losses,
) -> Result<Option<Additional<'r>>, RequestError> {
    match request.sampling.top_k {
        Some(top_k) if model.contains(TAKES_TOP_K) => Ok(Some(Additional { top_k })),
        Some(_) => {
            losses.lose("top_k", "this model has no word for it there")?;
            Ok(None)
        }
        None => Ok(None),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'r> {
    tools: Vec<ToolEntry<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ToolEntry<'r> {
    ToolSpec(ToolSpec<'r>),
    CachePoint(CachePoint),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    input_schema: InputSchema<'r>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
struct InputSchema<'r> {
    json: Schema<'r>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Schema<'r> {
    Given(&'r RawValue),
    Empty(EmptySchema),
}

/// The schema of a tool without arguments.
#[derive(Serialize)]
struct EmptySchema {
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Nothing,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Choice<'r> {
    Auto(Nothing),
    Any(Nothing),
    Tool { name: &'r str },
}

/// The tools and their choice. The dialect cannot say that none may be called, so that they are left
/// out then; `has_calls` tells of a conversation that cannot be told without them.
pub(super) fn tools<'r>(
    request: &'r ChatRequest<'_>,
    has_calls: bool,
    losses: &mut Losses,
) -> Result<Option<ToolConfig<'r>>, RequestError> {
    if !request.offers_tools()? {
        return Ok(None);
    }
    let tool_choice = match &request.tool_choice {
        ToolChoice::Unset => None,
        ToolChoice::Auto => Some(Choice::Auto(Nothing {})),
        ToolChoice::Required => Some(Choice::Any(Nothing {})),
        ToolChoice::Named(name) => Some(Choice::Tool { name }),
        ToolChoice::None if !has_calls => return Ok(None),
        ToolChoice::None => {
            // The service takes calls in a conversation only while the tools are declared.
            losses.lose("tool_choice", "tools that were called cannot be withheld there")?;
            None
        }
        ToolChoice::Other(kind) => {
            losses.lose("tool_choice", &format!("`{kind}` has no counterpart there"))?;
            None
        }
    };
    if request.forbids_parallel_calls() {
        losses.lose("parallel_tool_calls", "several calls at once cannot be forbidden there")?;
    }
    let entries = request.tools.iter().flat_map(|tool| {
        let point = tool.cache_control.map(|raw| ToolEntry::CachePoint(CachePoint::new(raw)));
        std::iter::once(ToolEntry::ToolSpec(ToolSpec::new(tool))).chain(point)
    });
    Ok(Some(ToolConfig { tools: entries.collect(), tool_choice }))
}

impl<'r> ToolSpec<'r> {
    fn new(tool: &'r Tool<'_>) -> Self {
        let empty = || Schema::Empty(EmptySchema { kind: "object", properties: Nothing {} });
        Self {
            name: &tool.name,
            description: tool.description.as_deref().filter(|text| !text.is_empty()),
            input_schema: InputSchema {
                json: tool.parameters.as_deref().map_or_else(empty, Schema::Given),
            },
            strict: tool.strict,
        }
    }
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutputConfig<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_format: Option<TextFormat<'r>>,
}

impl OutputConfig<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.effort.is_none() && self.text_format.is_none()
    }
}

#[derive(Serialize)]
struct TextFormat<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    structure: Structure<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'r> {
    json_schema: SchemaBody<'r>,
}

/// The schema is told as text.
#[derive(Serialize)]
struct SchemaBody<'r> {
    schema: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
}

/// Reasoning and shape of the answer.
pub(super) fn output<'r>(
    request: &'r ChatRequest<'_>,
    losses: &mut Losses,
) -> Result<OutputConfig<'r>, RequestError> {
    let text_format = match &request.format {
        ResponseFormat::JsonSchema(format) => {
            let json_schema = SchemaBody {
                schema: format.schema.get(),
                name: format.name.as_deref(),
                description: format.description.as_deref(),
            };
            Some(TextFormat { kind: "json_schema", structure: Structure { json_schema } })
        }
        ResponseFormat::Other(kind) => {
            losses.lose("response_format", &format!("`{kind}` has no counterpart there"))?;
            None
        }
        // A free object has no counterpart: the encoder asks for it in the system prompt.
        ResponseFormat::JsonObject | ResponseFormat::Text => None,
    };
    Ok(OutputConfig { effort: request.effort.and_then(effort), text_format })
}

/// The service's word. Models do not reason there unless they are asked to.
const fn effort(effort: Effort) -> Option<&'static str> {
    match effort {
        Effort::None => None,
        Effort::Minimal | Effort::Low => Some("low"),
        Effort::Medium => Some("medium"),
        Effort::High => Some("high"),
        Effort::Xhigh => Some("xhigh"),
        Effort::Max => Some("max"),
    }
}

#[derive(Serialize)]
pub(super) struct ServiceTier {
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Tiers that are the same here and elsewhere (botocore 1.44, `ServiceTierType`).
const TIERS: [&str; 4] = ["priority", "default", "flex", "reserved"];

/// The tier of that name.
pub(super) fn tier(json: &str) -> Option<ServiceTier> {
    let told = plain_text(json)?;
    TIERS.into_iter().find(|tier| *tier == told).map(|kind| ServiceTier { kind })
}
