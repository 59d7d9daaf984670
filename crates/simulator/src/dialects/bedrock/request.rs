//! Reading a converse request, with the checks the service makes.

use serde_json::{Map, Value};

use super::messages::Reader;
use crate::ask::{Ask, Limits, Thinking, ToolCall, Wish, calls_of};
use crate::dialects::content::Hints;
use crate::dialects::malformed;
use crate::dice::mix_text;
use crate::prefix::CacheStyle;
use crate::prompt::{Lifetime, Prompt};
use crate::refusal::Refusal;
use crate::tokens::{MESSAGE_TOKENS, TOOL_TOKENS};

/// Members a request may have (botocore 1.44); others would be ours by mistake.
const MEMBERS: [&str; 12] = [
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
const TIERS: [&str; 4] = ["priority", "default", "flex", "reserved"];

/// Reads a request.
pub(super) fn read(model: String, is_stream: bool, body: &[u8]) -> Result<Ask, Refusal> {
    let body: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    if let Some(name) = body.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(Refusal::invalid(format!("The member {name} is not known")));
    }
    let part = |name: &str| body.get(name).unwrap_or(&Value::Null);
    let mut prompt = Prompt::new();
    let tools = read_tools(&mut prompt, part("toolConfig"))?;
    for (index, block) in list(part("system")).iter().enumerate() {
        read_system(&mut prompt, block, &format!("system.{index}"))?;
    }
    let mut reader = Reader::new(&mut prompt, body.contains_key("toolConfig"));
    let hints = reader.messages(list(part("messages")))?;
    let config = part("inferenceConfig");
    let tokens_max = limits(config)?;
    let stops = list(&config["stopSequences"]);
    Ok(Ask {
        advisor: None,
        model,
        prompt,
        cache: CacheStyle::Marked,
        limits: Limits {
            tokens_max,
            stops: stops.iter().filter_map(|stop| Some(stop.as_str()?.to_owned())).collect(),
            choices: 1,
        },
        thinking: thinking_of(part("outputConfig"))?,
        wish: wish_of(part("toolConfig"), part("outputConfig"), tools, hints)?,
        tier: tier_of(&part("serviceTier")["type"])?,
        is_stream,
        wants_usage: true,
    })
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn limits(config: &Value) -> Result<Option<u64>, Refusal> {
    for name in ["temperature", "topP"] {
        if config[name].as_f64().is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            let told = format!(
                "Value at 'inferenceConfig.{name}' failed to satisfy constraint: Member must have value less than or equal to 1"
            );
            return Err(Refusal::invalid(told));
        }
    }
    match config["maxTokens"].as_u64() {
        Some(0) => Err(Refusal::invalid(
            "Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1",
        )),
        tokens => Ok(tokens),
    }
}

fn tier_of(tier: &Value) -> Result<&'static str, Refusal> {
    let Some(told) = tier.as_str() else { return Ok("default") };
    let known = TIERS.into_iter().find(|tier| *tier == told);
    known.ok_or_else(|| Refusal::invalid(format!("'{told}' is not a service tier")))
}

fn read_tools(prompt: &mut Prompt, config: &Value) -> Result<Vec<ToolCall>, Refusal> {
    let entries = list(&config["tools"]);
    if !config.is_null() && entries.is_empty() {
        return Err(Refusal::invalid(
            "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ));
    }
    let mut tools = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        match only_member(entry, &format!("toolConfig.tools.{index}"))? {
            ("toolSpec", spec) => {
                prompt.fixed(TOOL_TOKENS, 0);
                prompt.text(&spec.to_string());
                let name = spec["name"].as_str().filter(|name| is_id(name, "_-"));
                let schema = &spec["inputSchema"]["json"];
                let (Some(name), true) = (name, schema.is_object()) else {
                    let told =
                        format!("The value at toolConfig.tools.{index}.toolSpec is not valid");
                    return Err(Refusal::invalid(told));
                };
                tools.push(ToolCall { name: name.to_owned(), schema: schema.clone() });
            }
            ("cachePoint", point) => prompt.mark(lifetime(point)),
            (kind, _) => return Err(Refusal::invalid(format!("{kind} is not simulated"))),
        }
    }
    Ok(tools)
}

fn read_system(prompt: &mut Prompt, block: &Value, place: &str) -> Result<(), Refusal> {
    match only_member(block, place)? {
        ("text", text) => {
            let text = text.as_str().filter(|text| !text.trim().is_empty());
            prompt.fixed(MESSAGE_TOKENS, mix_text(0, "system"));
            prompt.text(text.ok_or_else(|| blank(place))?);
        }
        ("cachePoint", point) => prompt.mark(lifetime(point)),
        (kind, _) => return Err(Refusal::invalid(format!("{place}: {kind} is not simulated"))),
    }
    Ok(())
}

/// The member of a union, which has exactly one.
pub(super) fn only_member<'v>(
    value: &'v Value,
    place: &str,
) -> Result<(&'v str, &'v Value), Refusal> {
    let members = value.as_object().filter(|members| members.len() == 1);
    let member = members.and_then(|members| members.iter().next());
    member.map(|(name, value)| (name.as_str(), value)).ok_or_else(|| {
        Refusal::invalid(format!("The value at {place} must have exactly one member"))
    })
}

pub(super) fn blank(place: &str) -> Refusal {
    Refusal::invalid(format!(
        "The text field in the ContentBlock object at {place} is blank. Add text to the text field, and try again."
    ))
}

pub(super) fn lifetime(point: &Value) -> Lifetime {
    if point["ttl"] == "1h" { Lifetime::OneHour } else { Lifetime::FiveMinutes }
}

pub(super) fn is_id(text: &str, signs: &str) -> bool {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(is_taken)
}

fn thinking_of(config: &Value) -> Result<Thinking, Refusal> {
    let Some(effort) = config["effort"].as_str() else { return Ok(Thinking::Off) };
    if !EFFORTS.contains(&effort) {
        return Err(Refusal::invalid(format!("'{effort}' at outputConfig.effort is not valid")));
    }
    Ok(Thinking::tokens_of_effort(effort).map_or(Thinking::Off, Thinking::Shown))
}

fn wish_of(
    tool_config: &Value,
    output_config: &Value,
    tools: Vec<ToolCall>,
    hints: Hints,
) -> Result<Wish, Refusal> {
    let choice = &tool_config["toolChoice"];
    let (kind, told) = match choice.is_null() {
        true => ("auto", choice),
        false => only_member(choice, "toolConfig.toolChoice")?,
    };
    if kind == "tool" {
        let name = told["name"].as_str().unwrap_or_default();
        let named: Vec<ToolCall> = tools.into_iter().filter(|tool| tool.name == name).collect();
        if named.is_empty() {
            return Err(Refusal::invalid(format!("The tool {name} is not in toolConfig.tools")));
        }
        return Ok(calls_of(named, false));
    }
    if !tools.is_empty() && (kind == "any" || hints.mentions_tool) {
        return Ok(calls_of(hints.choose(tools), hints.mentions_parallel));
    }
    let format = &output_config["textFormat"];
    if format.is_null() {
        return Ok(Wish::Text);
    }
    let schema = format["structure"]["jsonSchema"]["schema"].as_str().unwrap_or_default();
    let schema = serde_json::from_str(schema).ok().filter(Value::is_object);
    schema.map(Wish::Json).ok_or_else(|| {
        Refusal::invalid("The schema at outputConfig.textFormat must be the text of a JSON schema")
    })
}
