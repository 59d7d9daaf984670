//! Reading a chat completion request, with the checks the provider makes.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ask::{Ask, Limits, Thinking, ToolCall, Wish, calls_of};
use crate::dialects::content::{self, Hints, Part};
use crate::dialects::malformed;
use crate::dice::mix_text;
use crate::prefix::CacheStyle;
use crate::prompt::Prompt;
use crate::refusal::Refusal;
use crate::tokens::{MESSAGE_TOKENS, TOOL_TOKENS};

/// Most answers one request may ask for.
const CHOICES_MAX: u32 = 128;

/// The fields nearly every request has.
#[derive(Debug, Deserialize)]
struct Core<'a> {
    model: Option<String>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    n: Option<u32>,
    stop: Option<Stops>,
}

/// The fields that change what is answered; read in a second pass over the same bytes.
#[derive(Debug, Deserialize)]
struct Wishes<'a> {
    #[serde(borrow)]
    tools: Option<Vec<Tool<'a>>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<Value>,
    reasoning_effort: Option<String>,
    service_tier: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    role: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stops {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Tool<'a> {
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    parameters: Option<Value>,
}

/// Whether the provider bills what it writes to the prompt cache: since gpt-5.6.
pub(in crate::dialects) fn bills_cache_writes(model: &str) -> bool {
    model.starts_with("gpt-5.6") || model.starts_with("gpt-6")
}

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Ask, Refusal> {
    let core: Core<'_> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let wishes: Wishes<'_> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let Some(model) = core.model else {
        return Err(Refusal::invalid("you must provide a model parameter"));
    };
    let Some(messages) = core.messages else {
        return Err(Refusal::invalid("Missing required parameter: 'messages'.")
            .about("messages")
            .coded("missing_required_parameter"));
    };
    let is_stream = core.stream.unwrap_or(false);
    if core.stream_options.is_some() && !is_stream {
        let told = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::invalid(told).about("stream_options"));
    }
    let choices = core.n.unwrap_or(1);
    if !(1..=CHOICES_MAX).contains(&choices) {
        return Err(Refusal::invalid(format!("Invalid 'n': {choices} is not between 1 and 128."))
            .about("n"));
    }
    let tokens_max = core.max_completion_tokens.or(core.max_tokens);
    if tokens_max == Some(0) {
        return Err(Refusal::invalid(
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        )
        .about("max_tokens")
        .coded("integer_below_min_value"));
    }
    let stops = match core.stop {
        None => Vec::new(),
        Some(Stops::One(stop)) => vec![stop],
        Some(Stops::Many(stops)) => stops,
    };
    let mut prompt = Prompt::new();
    for tool in wishes.tools.iter().flatten() {
        prompt.fixed(TOOL_TOKENS, 0);
        prompt.text(tool.function.map_or("", RawValue::get));
    }
    let hints = read_messages(&mut prompt, &messages)?;
    let thinking = thinking_of(&model, wishes.reasoning_effort.as_deref())?;
    let cache = CacheStyle::Automatic { bills_writes: bills_cache_writes(&model) };
    Ok(Ask {
        advisor: None,
        prompt,
        cache,
        limits: Limits { tokens_max, stops, choices },
        thinking,
        tier: tier_of(wishes.service_tier.as_deref()),
        wish: wish_of(wishes, hints)?,
        model,
        is_stream,
        wants_usage: core.stream_options.and_then(|o| o.include_usage).unwrap_or(false),
    })
}

fn read_messages(prompt: &mut Prompt, messages: &[Message<'_>]) -> Result<Hints, Refusal> {
    if messages.is_empty() {
        let told = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(Refusal::invalid(told).about("messages").coded("empty_array"));
    }
    let mut hints = Hints::default();
    let mut may_return_tool = false;
    for (index, message) in messages.iter().enumerate() {
        let role = message.role.as_deref().unwrap_or_default();
        let mut said = Hints::default();
        match role {
            "system" | "developer" | "user" | "function" => may_return_tool = false,
            "assistant" => may_return_tool = message.tool_calls.is_some(),
            "tool" if may_return_tool => {}
            "tool" => {
                let told = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return Err(Refusal::invalid(told).about(format!("messages.[{index}].role")));
            }
            _ => {
                return Err(Refusal::invalid(format!("Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."))
                    .about(format!("messages[{index}].role"))
                    .coded("invalid_value"));
            }
        }
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, role));
        match message.content {
            Some(content) => read_content(prompt, content, &mut said)
                .map_err(|refusal| refusal.about(format!("messages[{index}].content")))?,
            None if role == "assistant" => {}
            None => {
                let told = "Invalid value for 'content': expected a string, got null.";
                return Err(Refusal::invalid(told).about(format!("messages.[{index}].content")));
            }
        }
        if let Some(calls) = message.tool_calls {
            prompt.text(calls.get());
        }
        hints = hints.after(role, said);
    }
    Ok(hints)
}

fn read_content(prompt: &mut Prompt, raw: &RawValue, hints: &mut Hints) -> Result<(), Refusal> {
    let Some(parts) = content::parts_of(raw)? else {
        let text = content::text_of(raw);
        hints.note(&text);
        prompt.text(&text);
        return Ok(());
    };
    for part in &parts {
        match part {
            Part { kind: Some(kind), text: Some(text), .. } if kind == "text" => {
                let text = content::text_of(text);
                hints.note(&text);
                prompt.text(&text);
            }
            Part { kind: Some(kind), .. }
                if matches!(kind.as_str(), "image_url" | "input_audio" | "file" | "refusal") =>
            {
                content::attach(prompt, raw.get());
            }
            part => {
                let kind = part.kind.as_deref().unwrap_or_default();
                return Err(Refusal::invalid(format!("Invalid value: '{kind}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'."))
                    .coded("invalid_value"));
            }
        }
    }
    Ok(())
}

fn wish_of(wishes: Wishes<'_>, hints: Hints) -> Result<Wish, Refusal> {
    let tools: Vec<ToolCall> = wishes
        .tools
        .iter()
        .flatten()
        .filter_map(|tool| serde_json::from_str::<Function>(tool.function?.get()).ok())
        .map(|function| ToolCall {
            name: function.name,
            schema: function.parameters.unwrap_or_else(|| json!({"type": "object"})),
        })
        .collect();
    let choice = wishes.tool_choice.unwrap_or_else(|| Value::from("auto"));
    if tools.is_empty() && choice != "auto" && choice != "none" {
        let told = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.";
        return Err(Refusal::invalid(told).about("tool_choice"));
    }
    let is_parallel = hints.mentions_parallel && wishes.parallel_tool_calls != Some(false);
    if let Some(name) = choice.pointer("/function/name").and_then(Value::as_str) {
        let named: Vec<ToolCall> = tools.into_iter().filter(|tool| tool.name == name).collect();
        if named.is_empty() {
            let told = format!("Tool choice '{name}' not found in 'tools' parameter.");
            return Err(Refusal::invalid(told).about("tool_choice"));
        }
        return Ok(calls_of(named, false));
    }
    if !tools.is_empty() && (choice == "required" || (choice == "auto" && hints.mentions_tool)) {
        return Ok(calls_of(hints.choose(tools), is_parallel));
    }
    let format = wishes.response_format.unwrap_or_default();
    Ok(match format["type"].as_str() {
        Some("json_schema") => Wish::Json(format["json_schema"]["schema"].clone()),
        Some("json_object") => {
            Wish::Json(json!({"type": "object", "properties": {"answer": {"type": "string"}}}))
        }
        _ => Wish::Text,
    })
}

/// Reasoning models think by default in the o-series, and when asked to in the later ones.
pub(in crate::dialects) fn thinking_of(
    model: &str,
    effort: Option<&str>,
) -> Result<Thinking, Refusal> {
    let is_o =
        model.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let reasons = is_o || model.starts_with("gpt-5") || model.starts_with("gpt-6");
    let tokens = match effort {
        Some(effort) => Thinking::tokens_of_effort(effort).ok_or_else(|| {
            Refusal::invalid(format!("Invalid value: '{effort}'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'."))
                .about("reasoning_effort")
                .coded("invalid_value")
        })?,
        None if is_o => 64,
        None => 0,
    };
    Ok(if reasons && tokens > 0 { Thinking::Hidden(tokens) } else { Thinking::Off })
}

pub(in crate::dialects) fn tier_of(asked: Option<&str>) -> &'static str {
    match asked {
        Some("flex") => "flex",
        Some("priority") => "priority",
        Some("scale") => "scale",
        _ => "default",
    }
}
