//! Reading a request, with the checks the provider makes.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{UNKNOWN_SIGNATURE, signs};
use crate::ask::{Ask, Limits, Thinking, ToolCall, Wish, calls_of};
use crate::dialects::content::{self, Hints};
use crate::dialects::{Purpose, malformed};
use crate::dice::mix_text;
use crate::prefix::CacheStyle;
use crate::prompt::Prompt;
use crate::refusal::Refusal;
use crate::tokens::{MESSAGE_TOKENS, TOOL_TOKENS};

/// Most answers one request may ask for.
const CANDIDATES_MAX: u64 = 8;
/// Reasoning tokens of a model that decides for itself.
const OWN_THOUGHTS: u64 = 16;
/// Most reasoning tokens a simulated model spends on a budget.
const BUDGET_THOUGHTS_MAX: u64 = 256;

/// The members the provider knows; any other is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    #[serde(default)]
    contents: Vec<Value>,
    #[serde(alias = "system_instruction")]
    system_instruction: Option<Value>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(alias = "tool_config", default)]
    tool_config: Value,
    #[serde(alias = "generation_config", default)]
    generation_config: Value,
    #[serde(alias = "service_tier")]
    service_tier: Option<String>,
    #[serde(alias = "safety_settings", rename = "safetySettings")]
    _safety_settings: Option<Value>,
    #[serde(alias = "cached_content", rename = "cachedContent")]
    _cached_content: Option<Value>,
    #[serde(rename = "labels")]
    _labels: Option<Value>,
}

/// What a request to count holds: contents, or a whole request around them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountBody {
    contents: Option<Vec<Value>>,
    #[serde(alias = "generate_content_request")]
    generate_content_request: Option<Value>,
}

/// A member under either of its names.
fn member<'a>(value: &'a Value, camel: &str, snake: &str) -> &'a Value {
    if value[camel].is_null() { &value[snake] } else { &value[camel] }
}

pub(super) fn read(
    model: &str,
    is_stream: bool,
    body: &[u8],
    purpose: Purpose,
) -> Result<Ask, Refusal> {
    let body = match purpose {
        Purpose::Answer => serde_json::from_slice(body).map_err(|error| unknown(&error))?,
        Purpose::Count => counted(body)?,
    };
    if body.contents.is_empty() {
        let told = "* GenerateContentRequest.contents: contents is not specified\n";
        return Err(Refusal::invalid(told).about("contents"));
    }
    let mut prompt = Prompt::new();
    if let Some(instruction) = &body.system_instruction {
        content_of(&mut prompt, instruction, &mut Hints::default())?;
    }
    for tool in &body.tools {
        prompt.fixed(TOOL_TOKENS, 0);
        prompt.text(&tool.to_string());
    }
    check_turns(model, &body.contents)?;
    let hints = conversation(&mut prompt, &body.contents)?;
    let config = &body.generation_config;
    Ok(Ask {
        advisor: None,
        prompt,
        cache: CacheStyle::Automatic { bills_writes: false },
        limits: limits(config)?,
        thinking: thinking(model, config)?,
        tier: tier_of(body.service_tier.as_deref()),
        wish: wish(&body, hints)?,
        model: model.to_owned(),
        is_stream,
        wants_usage: true,
    })
}

/// The provider names a member it does not know.
fn unknown(error: &serde_json::Error) -> Refusal {
    let told = error.to_string();
    match told.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        Some(name) => Refusal::invalid(format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
        )),
        None => malformed(error),
    }
}

fn counted(body: &[u8]) -> Result<Body, Refusal> {
    let count: CountBody = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    if let Some(mut whole) = count.generate_content_request {
        if let Some(members) = whole.as_object_mut() {
            members.remove("model");
        }
        return serde_json::from_value(whole).map_err(|error| unknown(&error));
    }
    Ok(Body { contents: count.contents.unwrap_or_default(), ..Body::default() })
}

fn conversation(prompt: &mut Prompt, contents: &[Value]) -> Result<Hints, Refusal> {
    let mut hints = Hints::default();
    for content in contents {
        let role = content["role"].as_str().unwrap_or("user");
        if !matches!(role, "user" | "model" | "function") {
            return Err(Refusal::invalid("Please use a valid role: user, model."));
        }
        hints = Hints::default();
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, role));
        content_of(prompt, content, &mut hints)?;
        if role != "user" {
            hints = Hints::default();
        }
    }
    Ok(hints)
}

fn content_of(prompt: &mut Prompt, content: &Value, hints: &mut Hints) -> Result<(), Refusal> {
    for part in parts_of(content) {
        if let Some(text) = part["text"].as_str() {
            hints.note(text);
            prompt.text(text);
        } else if member(part, "inlineData", "inline_data").is_object()
            || member(part, "fileData", "file_data").is_object()
        {
            content::attach(prompt, &part.to_string());
        } else if call(part).is_object() || result(part).is_object() {
            prompt.text(&part.to_string());
        } else {
            let told = "* GenerateContentRequest.contents.parts.data: required oneof field 'data' must have one initialized field\n";
            return Err(Refusal::invalid(told).about("contents.parts.data"));
        }
    }
    // What a tool returned is no wish of the user.
    if parts_of(content).any(|part| result(part).is_object()) {
        *hints = Hints::default();
    }
    Ok(())
}

fn parts_of(content: &Value) -> impl Iterator<Item = &Value> {
    content["parts"].as_array().into_iter().flatten()
}

fn call(part: &Value) -> &Value {
    member(part, "functionCall", "function_call")
}

fn result(part: &Value) -> &Value {
    member(part, "functionResponse", "function_response")
}

/// Results stand behind as many calls, and newer models want their signatures back.
fn check_turns(model: &str, contents: &[Value]) -> Result<(), Refusal> {
    let count = |content: &Value, of: fn(&Value) -> &Value| {
        parts_of(content).filter(|part| of(part).is_object()).count()
    };
    let mut calls = 0;
    for content in contents {
        let results = count(content, result);
        if results > 0 && results != calls {
            let told = "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.";
            return Err(Refusal::invalid(told));
        }
        calls = count(content, call);
        let first = parts_of(content).find(|part| call(part).is_object());
        if let Some(first) = first.filter(|_| signs(model)) {
            let signature = member(first, "thoughtSignature", "thought_signature");
            let known =
                signature.as_str().is_some_and(|s| s.starts_with("U2ln") || s == UNKNOWN_SIGNATURE);
            if !known {
                let told = "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance.";
                return Err(Refusal::invalid(told));
            }
        }
    }
    Ok(())
}

fn limits(config: &Value) -> Result<Limits, Refusal> {
    let tokens_max = member(config, "maxOutputTokens", "max_output_tokens").as_u64();
    if tokens_max == Some(0) {
        let told = "Unable to submit request because it has a maxOutputTokens value of 0 but the supported range is from 1 (inclusive) to 65537 (exclusive). Update the value and try again.";
        return Err(Refusal::invalid(told));
    }
    let choices = member(config, "candidateCount", "candidate_count").as_u64().unwrap_or(1);
    if !(1..=CANDIDATES_MAX).contains(&choices) {
        return Err(Refusal::invalid(
            "Only values between 1 and 8 are supported for candidateCount",
        ));
    }
    let stops = member(config, "stopSequences", "stop_sequences").as_array();
    let stops = stops.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let choices = u32::try_from(choices).unwrap_or(1);
    Ok(Limits { tokens_max, stops: stops.collect(), choices })
}

/// By level, by budget (0 for none, -1 for as the model likes), else as the model's generation does.
fn thinking(model: &str, config: &Value) -> Result<Thinking, Refusal> {
    let thinking = member(config, "thinkingConfig", "thinking_config");
    let level = member(thinking, "thinkingLevel", "thinking_level").as_str();
    let budget = member(thinking, "thinkingBudget", "thinking_budget").as_i64();
    let tokens = match (level, budget) {
        (Some(_), Some(_)) => {
            let told = "You can only set only one of thinking budget and thinking level.";
            return Err(Refusal::invalid(told));
        }
        (Some(_), None) if !signs(model) => {
            return Err(Refusal::invalid("Thinking level is not supported for this model."));
        }
        (Some(level), None) => {
            let tokens = Thinking::tokens_of_effort(&level.to_ascii_lowercase());
            tokens.ok_or_else(|| Refusal::invalid(format!("Invalid value at 'generation_config.thinking_config.thinking_level': \"{level}\"")))?
        }
        (None, Some(0)) if model.contains("2.5-pro") => {
            let told = "Budget 0 is invalid. This model only works in thinking mode.";
            return Err(Refusal::invalid(told));
        }
        (None, Some(budget)) => {
            u64::try_from(budget).map_or(OWN_THOUGHTS, |budget| budget.min(BUDGET_THOUGHTS_MAX))
        }
        (None, None) if signs(model) => OWN_THOUGHTS,
        (None, None) => 0,
    };
    let is_shown = member(thinking, "includeThoughts", "include_thoughts") == true;
    Ok(match (tokens, is_shown) {
        (0, _) => Thinking::Off,
        (tokens, true) => Thinking::Shown(tokens),
        (tokens, false) => Thinking::Hidden(tokens),
    })
}

fn wish(body: &Body, hints: Hints) -> Result<Wish, Refusal> {
    let declarations = body.tools.iter().flat_map(|tool| {
        member(tool, "functionDeclarations", "function_declarations")
            .as_array()
            .into_iter()
            .flatten()
    });
    let tools: Vec<ToolCall> = declarations
        .map(|tool| {
            let schema = member(tool, "parametersJsonSchema", "parameters_json_schema");
            let schema =
                if schema.is_null() { lowered(&tool["parameters"]) } else { schema.clone() };
            let name = tool["name"].as_str().unwrap_or_default().to_owned();
            let none = || json!({"type": "object"});
            ToolCall { name, schema: if schema.is_null() { none() } else { schema } }
        })
        .collect();
    let calling = member(&body.tool_config, "functionCallingConfig", "function_calling_config");
    let mode = calling["mode"].as_str().unwrap_or("AUTO");
    if mode == "ANY" && tools.is_empty() {
        let told = "Function calling config is set without function_declarations.";
        return Err(Refusal::invalid(told));
    }
    let allowed = member(calling, "allowedFunctionNames", "allowed_function_names").as_array();
    let is_allowed = |tool: &ToolCall| {
        allowed.is_none_or(|names| names.iter().any(|name| *name == tool.name.as_str()))
    };
    if !tools.is_empty() && (mode == "ANY" || (mode != "NONE" && hints.mentions_tool)) {
        let tools = tools.into_iter().filter(is_allowed).collect();
        return Ok(calls_of(hints.choose(tools), hints.mentions_parallel));
    }
    let config = &body.generation_config;
    if member(config, "responseMimeType", "response_mime_type") != "application/json" {
        return Ok(Wish::Text);
    }
    let json_schema = member(config, "responseJsonSchema", "response_json_schema");
    let schema = member(config, "responseSchema", "response_schema");
    Ok(Wish::Json(match (json_schema, schema) {
        (Value::Null, Value::Null) => {
            json!({"type": "object", "properties": {"answer": {"type": "string"}}})
        }
        (Value::Null, schema) => lowered(schema),
        (schema, _) => schema.clone(),
    }))
}

/// A schema whose types are in capitals as one in the common words.
fn lowered(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| match (key.as_str(), value) {
                ("type", Value::String(kind)) => {
                    (key.clone(), Value::from(kind.to_ascii_lowercase()))
                }
                _ => (key.clone(), lowered(value)),
            });
            Value::Object(members.collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(lowered).collect()),
        other => other.clone(),
    }
}

fn tier_of(asked: Option<&str>) -> &'static str {
    match asked {
        Some("flex") => "flex",
        Some("priority") => "priority",
        _ => "standard",
    }
}
