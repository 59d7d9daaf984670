//! Reading a chat request, with the checks the provider makes.

use serde_json::{Map, Value, json};

use crate::ask::{Ask, Limits, Thinking, ToolCall, Wish, calls_of};
use crate::dialects::content::{Hints, attach};
use crate::dialects::malformed;
use crate::dice::mix_text;
use crate::prefix::CacheStyle;
use crate::prompt::Prompt;
use crate::refusal::Refusal;
use crate::tokens::{MESSAGE_TOKENS, TOOL_TOKENS};

/// Members a request may have (cohere 7.3, `v2.chat`).
const MEMBERS: [&str; 21] = [
    "model",
    "messages",
    "stream",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
];
/// Numbers and what they lie between.
const BOUNDS: [(&str, f64, f64); 5] = [
    ("p", 0.01, 0.99),
    ("k", 0.0, 500.0),
    ("frequency_penalty", 0.0, 1.0),
    ("presence_penalty", 0.0, 1.0),
    ("temperature", 0.0, 2.0),
];
/// Most texts that may end an answer.
const STOPS_MAX: usize = 5;
/// Reasoning of a model that is not told how much, tokens.
const USUAL_TOKENS: u64 = 64;

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Ask, Refusal> {
    let body: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    if let Some(name) = body.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(Refusal::new(
            422,
            format!("unknown field: parameter '{name}' is not a valid field"),
        ));
    }
    let part = |name: &str| body.get(name).unwrap_or(&Value::Null);
    for (name, least, most) in BOUNDS {
        if part(name).as_f64().is_some_and(|value| !(least..=most).contains(&value)) {
            let told =
                format!("invalid request: {name} must be between {least} and {most} inclusive");
            return Err(Refusal::invalid(told));
        }
    }
    let Some(model) = part("model").as_str() else {
        return Err(Refusal::invalid("invalid request: model is required"));
    };
    let mut prompt = Prompt::new();
    let tools = read_tools(&mut prompt, list(part("tools")))?;
    let hints = read_messages(&mut prompt, list(part("messages")))?;
    let stops = list(part("stop_sequences"));
    if stops.len() > STOPS_MAX {
        return Err(Refusal::invalid("invalid request: at most 5 stop sequences are allowed"));
    }
    if part("max_tokens") == 0 {
        return Err(Refusal::invalid("invalid request: max_tokens must be greater than 0"));
    }
    Ok(Ask {
        advisor: None,
        model: model.to_owned(),
        prompt,
        // Its cache saves time and no money.
        cache: CacheStyle::Marked,
        limits: Limits {
            tokens_max: part("max_tokens").as_u64(),
            stops: stops.iter().filter_map(|stop| Some(stop.as_str()?.to_owned())).collect(),
            choices: 1,
        },
        thinking: thinking_of(part("thinking"))?,
        wish: wish_of(part("tool_choice"), part("response_format"), tools, hints)?,
        tier: "default",
        is_stream: part("stream").as_bool().unwrap_or(false),
        wants_usage: true,
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn read_tools(prompt: &mut Prompt, entries: &[Value]) -> Result<Vec<ToolCall>, Refusal> {
    let mut tools = Vec::with_capacity(entries.len());
    for entry in entries {
        let function = &entry["function"];
        let (Some("function"), Some(name)) = (entry["type"].as_str(), function["name"].as_str())
        else {
            return Err(Refusal::invalid("invalid request: all tools must have a name"));
        };
        prompt.fixed(TOOL_TOKENS, 0);
        prompt.text(&function.to_string());
        tools.push(ToolCall { name: name.to_owned(), schema: function["parameters"].clone() });
    }
    Ok(tools)
}

fn read_messages(prompt: &mut Prompt, messages: &[Value]) -> Result<Hints, Refusal> {
    if messages.is_empty() {
        return Err(Refusal::invalid("invalid request: at least one message is required"));
    }
    let mut hints = Hints::default();
    let mut calls: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        let wrong =
            |told: &str| Refusal::invalid(format!("invalid request: {told} at messages[{index}]"));
        let mut said = Hints::default();
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, role));
        match role {
            "system" | "user" => {}
            "assistant" => {
                calls = list(&message["tool_calls"])
                    .iter()
                    .filter_map(|call| call["id"].as_str())
                    .collect();
                for call in list(&message["tool_calls"]) {
                    let arguments = call["function"]["arguments"].as_str();
                    prompt.text(arguments.ok_or_else(|| wrong("arguments must be a string"))?);
                }
            }
            "tool" => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                if !calls.contains(&id) {
                    return Err(wrong("a tool message must answer a tool call of the assistant"));
                }
            }
            _ => return Err(wrong("unknown role")),
        }
        content(prompt, &message["content"], &mut said).map_err(|told| wrong(&told))?;
        hints = hints.after(role, said);
    }
    Ok(hints)
}

fn content(prompt: &mut Prompt, content: &Value, hints: &mut Hints) -> Result<(), String> {
    if let Some(text) = content.as_str() {
        hints.note(text);
        prompt.text(text);
    }
    for block in list(content) {
        match block["type"].as_str().unwrap_or_default() {
            "text" => {
                let text = block["text"].as_str().ok_or("a text block has no text")?;
                hints.note(text);
                prompt.text(text);
            }
            "image_url" if block["image_url"]["url"].is_string() => {
                attach(prompt, &block["image_url"].to_string());
            }
            "thinking" | "document" => {}
            kind => return Err(format!("content of type '{kind}' is not valid")),
        }
    }
    Ok(())
}

fn thinking_of(thinking: &Value) -> Result<Thinking, Refusal> {
    match (thinking["type"].as_str(), &thinking["token_budget"]) {
        (None | Some("disabled"), _) => Ok(Thinking::Off),
        (Some("enabled"), Value::Null) => Ok(Thinking::Shown(USUAL_TOKENS)),
        (Some("enabled"), budget) => match budget.as_u64() {
            Some(most) if most > 0 => Ok(Thinking::Shown(most.min(USUAL_TOKENS))),
            _ => Err(Refusal::invalid("invalid request: thinking.token_budget must be positive")),
        },
        (Some(_), _) => Err(Refusal::invalid("invalid request: thinking.type is not valid")),
    }
}

fn wish_of(
    choice: &Value,
    format: &Value,
    tools: Vec<ToolCall>,
    hints: Hints,
) -> Result<Wish, Refusal> {
    let choice = match choice.as_str() {
        None if choice.is_null() => "AUTO",
        Some(told @ ("REQUIRED" | "NONE")) if !tools.is_empty() => told,
        _ => return Err(Refusal::invalid("invalid request: tool_choice is not valid")),
    };
    let must = choice == "REQUIRED" || (choice == "AUTO" && hints.mentions_tool);
    if must && !tools.is_empty() {
        return Ok(calls_of(hints.choose(tools), hints.mentions_parallel));
    }
    Ok(match (format["type"].as_str(), &format["json_schema"]) {
        (Some("json_object"), Value::Null) => {
            Wish::Json(json!({"type": "object", "properties": {"answer": {"type": "string"}}}))
        }
        (Some("json_object"), schema) => Wish::Json(schema.clone()),
        _ => Wish::Text,
    })
}
