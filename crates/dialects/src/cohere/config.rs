//! How a request steers the model in this dialect: tools, shape, reasoning.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::chat::{ChatRequest, Effort, ResponseFormat, Tool, ToolChoice};
use crate::request::{Losses, RequestError};

#[derive(Serialize)]
pub(super) struct ToolBody<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionBody<'r>,
}

#[derive(Serialize)]
struct FunctionBody<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    parameters: Parameters<'r>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'r> {
    Given(&'r RawValue),
    None(NoParameters),
}

/// The schema of a tool without arguments.
#[derive(Serialize)]
struct NoParameters {
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Nothing,
}

#[derive(Serialize)]
struct Nothing {}

impl<'r> ToolBody<'r> {
    fn new(tool: &'r Tool<'_>) -> Self {
        let none = || Parameters::None(NoParameters { kind: "object", properties: Nothing {} });
        let function = FunctionBody {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_deref().map_or_else(none, Parameters::Given),
        };
        Self { kind: "function", function }
    }
}

/// The tools and what is said about them.
#[derive(Default)]
pub(super) struct ToolSet<'r> {
    pub(super) tools: Vec<ToolBody<'r>>,
    pub(super) strict_tools: bool,
    pub(super) tool_choice: Option<&'static str>,
}

/// The tools and their choice. One tool is chosen by offering no other.
pub(super) fn tools<'r>(
    request: &'r ChatRequest<'_>,
    losses: &mut Losses,
) -> Result<ToolSet<'r>, RequestError> {
    let choice = &request.tool_choice;
    let is_offered = |tool: &&Tool<'_>| match choice {
        ToolChoice::Named(name) => tool.name == *name,
        _ => true,
    };
    let offered: Vec<&Tool<'_>> = request.tools.iter().filter(is_offered).collect();
    if offered.is_empty() {
        return match choice {
            ToolChoice::Required | ToolChoice::Named(_) => {
                Err(RequestError::invalid("tool_choice", "there is no such tool to choose"))
            }
            _ => Ok(ToolSet::default()),
        };
    }
    let tool_choice = match choice {
        ToolChoice::Unset | ToolChoice::Auto => None,
        ToolChoice::None => Some("NONE"),
        ToolChoice::Required | ToolChoice::Named(_) => Some("REQUIRED"),
        ToolChoice::Other(kind) => {
            losses.lose("tool_choice", &format!("`{kind}` has no counterpart there"))?;
            None
        }
    };
    if request.forbids_parallel_calls() {
        losses.lose("parallel_tool_calls", "several calls at once cannot be forbidden there")?;
    }
    // Following schemas to the letter is asked for all tools or for none.
    let strict_tools = offered.iter().all(|tool| tool.strict);
    if !strict_tools && offered.iter().any(|tool| tool.strict) {
        losses.note("tools[].function.strict");
    }
    let tools = offered.into_iter().map(ToolBody::new).collect();
    Ok(ToolSet { tools, strict_tools, tool_choice })
}

#[derive(Serialize)]
pub(super) struct FormatBody<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<&'r RawValue>,
}

/// Shape of the answer.
pub(super) fn format<'r>(
    format: &'r ResponseFormat<'_>,
    losses: &mut Losses,
) -> Result<Option<FormatBody<'r>>, RequestError> {
    let kind = "json_object";
    Ok(match format {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some(FormatBody { kind, json_schema: None }),
        ResponseFormat::JsonSchema(format) => {
            Some(FormatBody { kind, json_schema: Some(&format.schema) })
        }
        ResponseFormat::Other(kind) => {
            losses.lose("response_format", &format!("`{kind}` has no counterpart there"))?;
            None
        }
    })
}

#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Disabled,
    Enabled { token_budget: u64 },
}

/// How much to reason, as a budget of tokens that leaves room for an answer.
pub(super) fn thinking(effort: Effort, max_tokens: Option<u64>) -> Thinking {
    let wanted = match effort {
        Effort::None => return Thinking::Disabled,
        Effort::Minimal => 512,
        Effort::Low => 1_024,
        Effort::Medium => 4_096,
        Effort::High => 16_384,
        Effort::Xhigh | Effort::Max => 31_000,
    };
    let room = max_tokens.map_or(u64::MAX, |most| most / 2);
    Thinking::Enabled { token_budget: wanted.min(room).max(1) }
}

/// The nucleus within the dialect's bounds, 0.01 to 0.99 (cohere 7.3, `v2.chat`): everything is as
/// good as all but a hundredth.
pub(super) fn sampled(top_p: &RawValue) -> &RawValue {
    let bound = |json| serde_json::from_str::<&RawValue>(json).unwrap_or(top_p);
    match top_p.get().parse::<f64>() {
        Ok(value) if value > 0.99 => bound("0.99"),
        Ok(value) if value < 0.01 => bound("0.01"),
        _ => top_p,
    }
}
