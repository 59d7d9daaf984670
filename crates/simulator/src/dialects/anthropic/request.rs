//! Reading a messages request, with the checks the provider makes.

use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ask::{Advisor, Ask, Limits, Thinking, ToolCall, Wish, calls_of};
use crate::dialects::content::{self, CacheControl, Hints, Part};
use crate::dialects::{Purpose, malformed};
use crate::dice::mix_text;
use crate::prefix::CacheStyle;
use crate::prompt::Prompt;
use crate::refusal::Refusal;
use crate::tokens::{MESSAGE_TOKENS, TOOL_TOKENS};

/// Versions of the API the provider still serves, and whether they take sampling parameters.
const VERSIONS: [(&str, bool); 3] =
    [("2023-01-01", true), ("2023-06-01", true), ("2026-10-21", false)];
/// Least a thinking budget may be, tokens.
const BUDGET_TOKENS_MIN: u64 = 1024;

/// The fields nearly every request has.
#[derive(Debug, Deserialize)]
struct Core<'a> {
    model: Option<String>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    max_tokens: Option<u64>,
    stream: Option<bool>,
    stop_sequences: Option<Vec<String>>,
    cache_control: Option<CacheControl>,
}

/// The fields that change what is answered; read in a second pass over the same bytes.
#[derive(Debug, Deserialize)]
struct Wishes<'a> {
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    tool_choice: Option<Value>,
    thinking: Option<Value>,
    output_config: Option<Value>,
    temperature: Option<Value>,
    top_p: Option<Value>,
    top_k: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    role: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    name: String,
    input_schema: Option<Value>,
    cache_control: Option<CacheControl>,
}

/// Reads a request.
pub(super) fn read(headers: &HeaderMap, body: &[u8], purpose: Purpose) -> Result<Ask, Refusal> {
    let takes_sampling = check_version(headers)?;
    let core: Core<'_> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let wishes: Wishes<'_> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let Some(model) = core.model else {
        return Err(Refusal::invalid("model: Field required"));
    };
    let Some(messages) = core.messages else {
        return Err(Refusal::invalid("messages: Field required"));
    };
    match core.max_tokens {
        None if purpose == Purpose::Answer => {
            return Err(Refusal::invalid("max_tokens: Field required"));
        }
        Some(0) => {
            return Err(Refusal::invalid("max_tokens: Input should be greater than or equal to 1"));
        }
        _ => {}
    }
    if !takes_sampling {
        refuse_sampling(&wishes)?;
    }
    let mut prompt = Prompt::new();
    let tools = read_tools(&mut prompt, wishes.tools.as_deref().unwrap_or_default())?;
    if let Some(system) = core.system {
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, "system"));
        read_content(&mut prompt, system, &mut Hints::default())
            .map_err(|refusal| at("system", &refusal))?;
    }
    let hints = read_messages(&mut prompt, &messages)?;
    if !takes_sampling {
        refuse_documents_of_the_model(&messages)?;
    }
    if let Some(control) = &core.cache_control {
        prompt.mark(control.lifetime());
    }
    let stops = core.stop_sequences.unwrap_or_default();
    Ok(Ask {
        advisor: advisor_of(wishes.tools.as_deref().unwrap_or_default()),
        model,
        prompt,
        cache: CacheStyle::Marked,
        limits: Limits { tokens_max: core.max_tokens, stops, choices: 1 },
        thinking: thinking_of(&wishes, core.max_tokens)?,
        wish: wish_of(&wishes, tools, hints)?,
        tier: "standard",
        is_stream: core.stream.unwrap_or(false),
        wants_usage: true,
    })
}

/// Whether the version asked for takes sampling parameters.
fn check_version(headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(version) = headers.get("anthropic-version") else {
        return Err(Refusal::invalid("anthropic-version: header is required"));
    };
    let version = version.to_str().unwrap_or_default();
    let known = VERSIONS.iter().find(|(known, _)| *known == version);
    known.map(|(_, takes_sampling)| *takes_sampling).ok_or_else(|| {
        Refusal::invalid(format!("anthropic-version: \"{version}\" is not a valid version"))
    })
}

/// The version that refuses sampling also refuses documents the model is said to have sent.
fn refuse_documents_of_the_model(messages: &[Message<'_>]) -> Result<(), Refusal> {
    for (index, message) in messages.iter().enumerate() {
        let parts = match message.content {
            Some(raw) if message.role.as_deref() == Some("assistant") => content::parts_of(raw)?,
            _ => None,
        };
        let mut kinds = parts.iter().flatten().map(|part| part.kind.as_deref());
        if kinds.any(|kind| kind == Some("document")) {
            let told = "document blocks are not permitted in assistant messages";
            return Err(Refusal::invalid(format!("messages.{index}: {told}")));
        }
    }
    Ok(())
}

fn refuse_sampling(wishes: &Wishes<'_>) -> Result<(), Refusal> {
    let given =
        [("temperature", &wishes.temperature), ("top_p", &wishes.top_p), ("top_k", &wishes.top_k)];
    match given.iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) => Err(Refusal::invalid(format!("{name}: Extra inputs are not permitted"))),
        None => Ok(()),
    }
}

fn read_tools(prompt: &mut Prompt, raw: &[&RawValue]) -> Result<Vec<ToolCall>, Refusal> {
    let mut tools = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let tool: Tool = serde_json::from_str(raw.get())
            .map_err(|error| Refusal::invalid(format!("tools.{index}: {error}")))?;
        prompt.fixed(TOOL_TOKENS, 0);
        prompt.text(raw.get());
        if let Some(control) = &tool.cache_control {
            prompt.mark(control.lifetime());
        }
        // Tools of the provider's own have no schema and are never called by the client.
        if let Some(schema) = tool.input_schema {
            tools.push(ToolCall { name: tool.name, schema });
        }
    }
    Ok(tools)
}

/// The model a request lets its own one ask, if any.
fn advisor_of(tools: &[&RawValue]) -> Option<Advisor> {
    #[derive(Deserialize)]
    struct Tool {
        #[serde(rename = "type", default)]
        kind: String,
        model: Option<String>,
        max_uses: Option<u64>,
        max_tokens: Option<u64>,
    }
    let mut tools = tools.iter().filter_map(|raw| serde_json::from_str::<Tool>(raw.get()).ok());
    let tool = tools.find(|tool| tool.kind.starts_with("advisor_"))?;
    Some(Advisor { model: tool.model?, uses_max: tool.max_uses, tokens_max: tool.max_tokens })
}

fn read_messages(prompt: &mut Prompt, messages: &[Message<'_>]) -> Result<Hints, Refusal> {
    if messages.is_empty() {
        return Err(Refusal::invalid("messages: at least one message is required"));
    }
    let mut hints = Hints::default();
    for (index, message) in messages.iter().enumerate() {
        let role = message.role.as_deref().unwrap_or_default();
        if !matches!(role, "user" | "assistant" | "system") {
            let told =
                format!("messages.{index}.role: Input should be 'user', 'assistant' or 'system'");
            return Err(Refusal::invalid(told));
        }
        let Some(raw) = message.content else {
            return Err(Refusal::invalid(format!("messages.{index}.content: Field required")));
        };
        let mut said = Hints::default();
        prompt.fixed(MESSAGE_TOKENS, mix_text(0, role));
        read_content(prompt, raw, &mut said)
            .map_err(|refusal| at(&format!("messages.{index}.content"), &refusal))?;
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
        read_part(prompt, part, raw.get(), hints)?;
        if let Some(control) = &part.cache_control {
            prompt.mark(control.lifetime());
        }
    }
    Ok(())
}

fn read_part(
    prompt: &mut Prompt,
    part: &Part<'_>,
    whole: &str,
    hints: &mut Hints,
) -> Result<(), Refusal> {
    match part.kind.as_deref().unwrap_or_default() {
        "text" => {
            let Some(text) = part.text else {
                return Err(Refusal::invalid("text: Field required"));
            };
            let text = content::text_of(text);
            if text.is_empty() {
                return Err(Refusal::invalid("text content blocks must be non-empty"));
            }
            hints.note(&text);
            prompt.text(&text);
        }
        "image" => content::attach(prompt, whole),
        "document" => {
            content::attach(prompt, whole);
            let title = part.title.map(content::text_of).unwrap_or_default();
            let citations: Option<Value> =
                part.citations.and_then(|raw| serde_json::from_str(raw.get()).ok());
            prompt.document(&title, citations.is_some_and(|it| it["enabled"] == true));
        }
        "tool_use" => prompt.text(part.input.map_or("", RawValue::get)),
        "tool_result" => {
            prompt.text(&part.content.map(content::text_of).unwrap_or_default());
            // What a tool returned is no wish of the user.
            *hints = Hints::default();
        }
        "thinking" | "redacted_thinking" => {}
        // Passages found elsewhere, and what the provider's own tools did in earlier turns.
        "search_result" => prompt.text(&part.content.map(content::text_of).unwrap_or_default()),
        "server_tool_use" | "container_upload" => {
            prompt.text(part.input.map_or("", RawValue::get));
        }
        kind if kind.ends_with("_tool_result") => {
            prompt.text(&part.content.map(content::text_of).unwrap_or_default());
        }
        kind => return Err(Refusal::invalid(format!("Input tag '{kind}' is not supported"))),
    }
    Ok(())
}

fn at(place: &str, refusal: &Refusal) -> Refusal {
    Refusal::invalid(format!("{place}: {}", refusal.message))
}

fn wish_of(wishes: &Wishes<'_>, tools: Vec<ToolCall>, hints: Hints) -> Result<Wish, Refusal> {
    let choice = wishes.tool_choice.as_ref();
    let kind = choice.and_then(|choice| choice["type"].as_str()).unwrap_or("auto");
    if wishes.tools.is_none() && choice.is_some() && kind != "none" {
        return Err(Refusal::invalid("tool_choice: may only be specified while providing tools"));
    }
    let forbids = choice.and_then(|choice| choice["disable_parallel_tool_use"].as_bool());
    let is_parallel = hints.mentions_parallel && forbids != Some(true);
    let must = kind == "any" || (kind == "auto" && hints.mentions_tool);
    if kind == "tool" {
        let name = choice.and_then(|choice| choice["name"].as_str()).unwrap_or_default();
        let named: Vec<ToolCall> = tools.into_iter().filter(|tool| tool.name == name).collect();
        if named.is_empty() {
            let told = format!("tool_choice: Tool '{name}' not found in provided tools");
            return Err(Refusal::invalid(told));
        }
        return Ok(calls_of(named, false));
    }
    if must && !tools.is_empty() {
        return Ok(calls_of(hints.choose(tools), is_parallel));
    }
    let format = wishes.output_config.as_ref().map(|config| &config["format"]);
    match format.filter(|format| format["type"] == "json_schema") {
        Some(format) => Ok(Wish::Json(format["schema"].clone())),
        None => Ok(Wish::Text),
    }
}

fn thinking_of(wishes: &Wishes<'_>, tokens_max: Option<u64>) -> Result<Thinking, Refusal> {
    let Some(thinking) = &wishes.thinking else {
        return Ok(Thinking::Off);
    };
    let effort = wishes.output_config.as_ref().and_then(|config| config["effort"].as_str());
    let usual = effort.and_then(Thinking::tokens_of_effort).unwrap_or(64);
    match thinking["type"].as_str() {
        Some("adaptive" | "between_tools") => Ok(Thinking::Shown(usual)),
        Some("enabled") => {
            let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
            if budget < BUDGET_TOKENS_MIN {
                return Err(Refusal::invalid(
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
                ));
            }
            if tokens_max.is_some_and(|most| budget >= most) {
                return Err(Refusal::invalid(
                    "`max_tokens` must be greater than `thinking.budget_tokens`",
                ));
            }
            Ok(Thinking::Shown(usual.min(budget)))
        }
        Some("disabled") => Ok(Thinking::Off),
        _ => Err(Refusal::invalid(
            "thinking.type: Input should be 'adaptive', 'enabled' or 'disabled'",
        )),
    }
}
