//! A neutral request as this dialect words it. Nothing is to be kept by the provider: the whole
//! conversation is sent, and reasoning comes back sealed.

use serde::Serialize;
use serde_json::value::RawValue;

use super::input::{ItemBody, items};
use crate::chat::{ChatRequest, Effort, ResponseFormat, Tool, ToolChoice};
use crate::json::append;
use crate::request::{Encoded, Losses, RequestError, Target};

/// Least limit the vendor takes, tokens (OpenAI's reference).
const LIMIT_MIN: u64 = 16;

/// Tiers that mean the same wherever the word is used.
const TIERS: [&str; 6] =
    ["\"auto\"", "\"default\"", "\"flex\"", "\"priority\"", "\"scale\"", "\"fast\""];

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    input: Vec<ItemBody<'r>>,
    store: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(flatten)]
    tools: Tools<'r>,
    #[serde(skip_serializing_if = "TextBody::is_empty")]
    text: TextBody<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningBody>,
    #[serde(flatten)]
    sampling: Sampling<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'r str>,
}

#[derive(Serialize)]
struct Sampling<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
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
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    parameters: Option<&'r RawValue>,
    /// Always said, since this dialect means yes where nothing is.
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChoiceBody<'r> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'r str,
    },
}

#[derive(Serialize, Default)]
struct TextBody<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatBody<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'r RawValue>,
}

impl TextBody<'_> {
    fn is_empty(&self) -> bool {
        self.format.is_none() && self.verbosity.is_none()
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatBody<'r> {
    JsonObject,
    JsonSchema {
        name: &'r str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'r str>,
        schema: &'r RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

#[derive(Serialize)]
struct ReasoningBody {
    effort: &'static str,
    /// Without it the reasoning asked for would never be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if request.choices > 1 {
        return Err(RequestError::unsupported("n", "one answer a request is all it gives"));
    }
    let mut losses = Losses::new(target.drop_params);
    let mut text = TextBody { format: format(&request.format, &mut losses)?, verbosity: None };
    let mut service_tier = None;
    for (name, json) in &request.rest {
        let raw = serde_json::from_str(json).ok();
        match name.as_ref() {
            "verbosity" | "text.verbosity" => text.verbosity = raw,
            "service_tier" if TIERS.contains(&json.trim_ascii()) => service_tier = raw,
            _ => losses.lose(name, "it has no counterpart there")?,
        }
    }
    for (name, is_asked) in
        [("top_k", request.sampling.top_k.is_some()), ("stop", !request.sampling.stop.is_empty())]
    {
        if is_asked {
            losses.lose(name, "it has no counterpart there")?;
        }
    }
    let input = items(&request.turns, &mut losses)?;
    if input.is_empty() {
        return Err(RequestError::invalid("messages", "none of them says anything"));
    }
    let max_output_tokens = limit(request.max_output_tokens, target.max_output_tokens);
    let body = Body {
        model: target.model,
        input,
        store: false,
        include: if reasons(target.model) { &["reasoning.encrypted_content"] } else { &[] },
        stream: request.stream,
        max_output_tokens,
        tools: tools(request, &mut losses)?,
        text,
        reasoning: request.effort.map(reasoning),
        sampling: Sampling {
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
        },
        service_tier,
        user: request.user.as_deref(),
    };
    let mut out = Vec::with_capacity(request.text_bytes() + 1024);
    append(&mut out, &body);
    Ok(Encoded {
        body: out.into(),
        dropped: losses.into_names(),
        headers: Vec::new(),
        max_output_tokens,
    })
}

/// The lower limit, raised to the least the vendor takes unless policy says less.
fn limit(asked: Option<u64>, allowed: Option<u64>) -> Option<u64> {
    let asked = asked.map(|tokens| tokens.max(LIMIT_MIN));
    asked.into_iter().chain(allowed).min()
}

/// Whether a model reasons, so that its reasoning can be asked for sealed: others refuse to.
fn reasons(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("openai.").unwrap_or(name);
    let generation = |prefix: &str| {
        let digits = name.strip_prefix(prefix)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse::<u32>().ok()
    };
    let is_gpt = generation("gpt-").is_some_and(|generation| generation >= 5);
    (is_gpt && !name.contains("-chat")) || generation("o").is_some() || name.starts_with("codex")
}

fn reasoning(effort: Effort) -> ReasoningBody {
    let summary = (effort != Effort::None).then_some("auto");
    ReasoningBody { effort: effort.as_str(), summary }
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
        ToolChoice::Named(name) => Some(ChoiceBody::Named { kind: "function", name }),
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
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters: tool.parameters.as_deref(),
        strict: tool.strict,
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
            // The name is required here and says nothing to the model.
            name: format.name.as_deref().unwrap_or("answer"),
            description: format.description.as_deref(),
            schema: &format.schema,
            strict: format.strict,
        }),
        ResponseFormat::Other(kind) => {
            losses.lose("response_format", &format!("`{kind}` has no counterpart there"))?;
            None
        }
    })
}

#[cfg(test)]
mod tests;
