//! Reading a request for a response, with the checks the provider makes.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::SEAL;
use crate::ask::{Ask, Limits, Thinking, ToolCall, Wish, calls_of};
use crate::dialects::content::{self, Hints};
use crate::dialects::openai::{bills_cache_writes, thinking_of, tier_of};
use crate::dialects::{Purpose, malformed};
use crate::dice::mix_text;
use crate::prefix::CacheStyle;
use crate::prompt::Prompt;
use crate::refusal::Refusal;
use crate::tokens::{MESSAGE_TOKENS, TOOL_TOKENS};

/// Least output limit taken, tokens.
const LIMIT_MIN: u64 = 16;

#[derive(Debug, Deserialize)]
struct Body<'a> {
    model: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    instructions: Option<String>,
    stream: Option<bool>,
    max_output_tokens: Option<u64>,
    previous_response_id: Option<String>,
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    text: Option<Value>,
    reasoning: Option<Value>,
    service_tier: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    encrypted_content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Function {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    parameters: Option<Value>,
}

/// Reads a request.
pub(super) fn read(body: &[u8], purpose: Purpose) -> Result<Ask, Refusal> {
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let missing = |name: &'static str| {
        Refusal::invalid(format!("Missing required parameter: '{name}'."))
            .about(name)
            .coded("missing_required_parameter")
    };
    let model = match body.model {
        Some(model) => model,
        None if purpose == Purpose::Count => String::new(),
        None => return Err(missing("model")),
    };
    if let Some(limit) = body.max_output_tokens.filter(|limit| *limit < LIMIT_MIN) {
        return Err(Refusal::invalid(format!("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {limit} instead."))
            .about("max_output_tokens")
            .coded("integer_below_min_value"));
    }
    if let Some(id) = body.previous_response_id.as_ref().filter(|id| !id.starts_with("resp_")) {
        return Err(Refusal::invalid(format!("Previous response with id '{id}' not found."))
            .about("previous_response_id")
            .coded("previous_response_not_found"));
    }
    let mut prompt = Prompt::new();
    let tools = read_tools(&mut prompt, body.tools.unwrap_or_default())?;
    if let Some(instructions) = &body.instructions {
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, "system"));
        prompt.text(instructions);
    }
    let input = body.input.ok_or_else(|| missing("input"))?;
    let hints = read_input(&mut prompt, input)?;
    let reasoning = body.reasoning.unwrap_or_default();
    let thinking = match thinking_of(&model, reasoning["effort"].as_str())
        .map_err(|refusal| refusal.about("reasoning.effort"))?
    {
        Thinking::Hidden(tokens) if reasoning["summary"].is_string() => Thinking::Shown(tokens),
        thinking => thinking,
    };
    let mut wish = wish_of(tools, body.tool_choice, hints, body.parallel_tool_calls)?;
    if let Wish::Text = wish {
        wish = format_of(&body.text.unwrap_or_default()["format"]);
    }
    let cache = CacheStyle::Automatic { bills_writes: bills_cache_writes(&model) };
    Ok(Ask {
        advisor: None,
        prompt,
        cache,
        limits: Limits { tokens_max: body.max_output_tokens, stops: Vec::new(), choices: 1 },
        thinking,
        tier: tier_of(body.service_tier.as_deref()),
        wish,
        model,
        is_stream: body.stream.unwrap_or(false),
        wants_usage: true,
    })
}

fn read_tools(prompt: &mut Prompt, raws: Vec<&RawValue>) -> Result<Vec<ToolCall>, Refusal> {
    let mut tools = Vec::new();
    for (index, raw) in raws.into_iter().enumerate() {
        prompt.fixed(TOOL_TOKENS, 0);
        prompt.text(raw.get());
        let tool: Function = serde_json::from_str(raw.get()).map_err(|error| malformed(&error))?;
        if tool.kind != "function" {
            continue;
        }
        let name = tool.name.ok_or_else(|| {
            let param = format!("tools[{index}].name");
            Refusal::invalid(format!("Missing required parameter: '{param}'."))
                .about(param)
                .coded("missing_required_parameter")
        })?;
        let schema = tool.parameters.unwrap_or_else(|| json!({"type": "object"}));
        tools.push(ToolCall { name, schema });
    }
    Ok(tools)
}

fn read_input(prompt: &mut Prompt, raw: &RawValue) -> Result<Hints, Refusal> {
    let mut hints = Hints::default();
    if raw.get().starts_with('"') {
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, "user"));
        let text = content::text_of(raw);
        hints.note(&text);
        prompt.text(&text);
        return Ok(hints);
    }
    let items: Vec<Item<'_>> =
        serde_json::from_str(raw.get()).map_err(|error| malformed(&error))?;
    let mut calls: Vec<&str> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let about = |refusal: Refusal| refusal.about(format!("input[{index}]"));
        let mut said = Hints::default();
        let kind = item.kind.as_deref().unwrap_or("message");
        let role = item.role.as_deref().unwrap_or(kind);
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, role));
        let told = match kind {
            "message" => {
                check_role(role).map_err(about)?;
                item.content
            }
            "function_call" => {
                calls.extend(item.call_id.as_deref());
                prompt.text(item.name.as_deref().unwrap_or_default());
                prompt.text(item.arguments.as_deref().unwrap_or_default());
                None
            }
            "function_call_output" => {
                check_call(&calls, item.call_id.as_deref()).map_err(about)?;
                item.output
            }
            "reasoning" => {
                check_seal(item.encrypted_content.as_deref()).map_err(about)?;
                prompt.text(item.summary.map_or("", RawValue::get));
                None
            }
            _ => None,
        };
        if let Some(content) = told {
            read_content(prompt, content, &mut said).map_err(about)?;
        }
        hints = hints.after(role, said);
    }
    Ok(hints)
}

fn check_role(role: &str) -> Result<(), Refusal> {
    if matches!(role, "user" | "assistant" | "system" | "developer") {
        return Ok(());
    }
    Err(Refusal::invalid(format!("Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."))
        .coded("invalid_value"))
}

fn check_call(calls: &[&str], call_id: Option<&str>) -> Result<(), Refusal> {
    let id = call_id.unwrap_or_default();
    if calls.contains(&id) {
        return Ok(());
    }
    let told = format!("No tool call found for function call output with call_id {id}.");
    Err(Refusal::invalid(told))
}

/// Only what was sealed here can be opened here.
fn check_seal(seal: Option<&str>) -> Result<(), Refusal> {
    if seal.is_none_or(|seal| seal.starts_with(SEAL)) {
        return Ok(());
    }
    let told = "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted or parsed.";
    Err(Refusal::invalid(told).coded("invalid_encrypted_content"))
}

fn read_content(prompt: &mut Prompt, raw: &RawValue, hints: &mut Hints) -> Result<(), Refusal> {
    let Some(parts) = content::parts_of(raw)? else {
        let text = content::text_of(raw);
        hints.note(&text);
        prompt.text(&text);
        return Ok(());
    };
    for part in &parts {
        let kind = part.kind.as_deref().unwrap_or_default();
        match (kind, part.text) {
            ("input_text" | "output_text", Some(text)) => {
                let text = content::text_of(text);
                hints.note(&text);
                prompt.text(&text);
            }
            ("input_image" | "input_file" | "input_audio" | "refusal", _) => {
                content::attach(prompt, raw.get());
            }
            _ => {
                return Err(Refusal::invalid(format!("Invalid value: '{kind}'. Supported values are: 'input_text', 'input_image', 'output_text', 'refusal', 'input_file', and 'input_audio'."))
                    .coded("invalid_value"));
            }
        }
    }
    Ok(())
}

fn wish_of(
    tools: Vec<ToolCall>,
    choice: Option<Value>,
    hints: Hints,
    parallel: Option<bool>,
) -> Result<Wish, Refusal> {
    let choice = choice.unwrap_or_else(|| Value::from("auto"));
    if let Some(name) = choice["name"].as_str() {
        let named: Vec<ToolCall> = tools.into_iter().filter(|tool| tool.name == name).collect();
        if named.is_empty() {
            let told = format!("Tool choice '{name}' not found in 'tools' parameter.");
            return Err(Refusal::invalid(told).about("tool_choice"));
        }
        return Ok(calls_of(named, false));
    }
    if tools.is_empty() && choice == "required" {
        let told = "Tool choice 'required' must be specified with 'tools' parameter.";
        return Err(Refusal::invalid(told).about("tool_choice"));
    }
    let is_parallel = hints.mentions_parallel && parallel != Some(false);
    let calls = choice == "required" || (choice == "auto" && hints.mentions_tool);
    Ok(if calls && !tools.is_empty() {
        calls_of(hints.choose(tools), is_parallel)
    } else {
        Wish::Text
    })
}

fn format_of(format: &Value) -> Wish {
    match format["type"].as_str() {
        Some("json_schema") => Wish::Json(format["schema"].clone()),
        Some("json_object") => {
            Wish::Json(json!({"type": "object", "properties": {"answer": {"type": "string"}}}))
        }
        _ => Wish::Text,
    }
}
