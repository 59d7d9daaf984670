//! A client's request read into the neutral chat. Nothing is judged here: what has no neutral word
//! is kept by name, so that whoever encodes it can refuse it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{self, Extras};
use super::peek::EndUser;
use crate::chat::{ChatRequest, Effort, JsonSchema, ResponseFormat, Role, Tool, ToolChoice, Turn};
use crate::json::{List, Object, Text, is_null};
use crate::own::OWN_FIELDS;
use crate::request::{RequestError, without_position};

/// Members the gateway itself has read, and hints that do not change an answer.
const CONSUMED: [&str; 5] = ["model", "diagnostics", OWN_FIELDS[0], OWN_FIELDS[1], OWN_FIELDS[2]];

/// Hints worth naming when they are left out: an answer without them says the same. The provider
/// would have shortened the conversation on its side.
const HINTS: [&str; 1] = ["context_management"];

/// Members that ask for nothing when they hold this JSON.
const NEUTRAL_VALUES: [(&str, &[&str]); 5] = [
    ("service_tier", &["\"auto\"", "\"standard_only\""]),
    ("speed", &["\"standard\""]),
    ("inference_geo", &["\"global\""]),
    ("mcp_servers", &["[]"]),
    ("fallbacks", &["[]"]),
];

/// Longest id of an end user that is carried, bytes: what the other vendors take.
const USER_BYTES_MAX: usize = 64;

pub(super) fn request(body: &str) -> Result<ChatRequest<'_>, RequestError> {
    // The raw value proves the whole body valid before the scan trusts it.
    let body: &RawValue = serde_json::from_str(body).map_err(|e| RequestError::malformed(&e))?;
    let members = Object::scan(body.get())
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let mut request = ChatRequest::default();
    for (key, json) in members.iter() {
        if !is_null(json) {
            member(&mut request, key, json)?;
        }
    }
    if request.turns.is_empty() {
        return Err(match members.get("messages") {
            None => RequestError::missing("messages"),
            Some(_) => RequestError::invalid("messages", "there must be at least one message"),
        });
    }
    if let Some(json) = members.get("system") {
        let parts = content::parts("system", json, &mut Extras::default())?;
        request.turns.insert(0, Turn { role: Role::System, parts, position: 0, has_name: false });
    }
    if let Some(json) = members.get("thinking") {
        request.effort = effort(json, request.effort)?;
    }
    if let Some(json) = members.get("cache_control") {
        let last = request.turns.last_mut().and_then(|turn| turn.parts.last_mut());
        if let Some(part) = last.filter(|part| part.cache_control.is_none()) {
            part.cache_control = Some(value("cache_control", json)?);
        }
    }
    Ok(request)
}

fn member<'a>(request: &mut ChatRequest<'a>, key: &str, json: &'a str) -> Result<(), RequestError> {
    match key {
        "messages" => {
            let messages: List<&'a RawValue> = value(key, json)?;
            let mut extras = Extras::default();
            for (position, raw) in messages.0.into_iter().enumerate() {
                content::turns(raw.get(), position, &mut request.turns, &mut extras)?;
            }
            request.rest.append(&mut extras.rest);
        }
        "tools" => {
            let tools: List<&'a RawValue> = value(key, json)?;
            for (position, raw) in tools.0.into_iter().enumerate() {
                let param = format!("tools[{position}]");
                match tool(raw, &param)? {
                    Some(tool) => request.tools.push(tool),
                    None => request.rest.push((Cow::Owned(param), raw.get())),
                }
            }
        }
        "tool_choice" => tool_choice(request, json)?,
        "output_config" => output_config(request, json)?,
        "output_format" => request.format = format(key, json)?,
        "temperature" => request.sampling.temperature = Some(number(key, json)?),
        "top_p" => request.sampling.top_p = Some(number(key, json)?),
        "top_k" => request.sampling.top_k = Some(number(key, json)?),
        "stop_sequences" => {
            let stop: List<Text<'a>> = value(key, json)?;
            request.sampling.stop = stop.0.into_iter().map(|text| text.0).collect();
        }
        "max_tokens" => request.max_output_tokens = Some(value(key, json)?),
        "stream" => request.stream = value(key, json)?,
        "metadata" => user(request, json),
        // Read after everything else, because they depend on it.
        "system" | "thinking" | "cache_control" => {}
        _ if CONSUMED.contains(&key) || is_neutral(key, json) => {}
        _ => match HINTS.iter().find(|hint| **hint == key) {
            Some(hint) => request.hints.push(hint),
            None => request.rest.push((Cow::Owned(key.to_owned()), json)),
        },
    }
    Ok(())
}

fn is_neutral(key: &str, json: &str) -> bool {
    NEUTRAL_VALUES.iter().any(|(name, values)| *name == key && values.contains(&json))
}

/// A member of a known type, with its name in the error.
pub(super) fn value<'a, T: Deserialize<'a>>(param: &str, json: &'a str) -> Result<T, RequestError> {
    serde_json::from_str(json).map_err(|e| RequestError::invalid(param, without_position(&e)))
}

/// A number, kept as the client wrote it.
fn number<'a>(param: &str, json: &'a str) -> Result<&'a RawValue, RequestError> {
    value::<f64>(param, json)?;
    value(param, json)
}

/// The end user, where others would take the id.
fn user(request: &mut ChatRequest<'_>, json: &str) {
    let Some(id) = Object::scan(json).and_then(|metadata| metadata.text("user_id")) else { return };
    let id = EndUser::read(id).id;
    if id.len() <= USER_BYTES_MAX {
        request.user = Some(Cow::Owned(id));
    } else {
        request.hints.push("metadata.user_id");
    }
}

#[derive(Deserialize)]
struct ToolBody<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    input_schema: Option<&'a RawValue>,
    strict: Option<bool>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

/// A function of the client's; `None` for the tools that are the provider's own.
fn tool<'a>(raw: &'a RawValue, param: &str) -> Result<Option<Tool<'a>>, RequestError> {
    let kind = Object::scan(raw.get()).and_then(|tool| tool.text("type"));
    if kind.is_some_and(|kind| kind != "custom") {
        return Ok(None);
    }
    let body: ToolBody<'a> = value(param, raw.get())?;
    let name = body.name.ok_or_else(|| RequestError::missing(&format!("{param}.name")))?.0;
    Ok(Some(Tool {
        name,
        description: body.description.map(|text| text.0),
        parameters: body.input_schema.filter(|raw| !is_null(raw.get())).map(Cow::Borrowed),
        strict: body.strict.unwrap_or(false),
        cache_control: body.cache_control,
    }))
}

fn tool_choice<'a>(request: &mut ChatRequest<'a>, json: &'a str) -> Result<(), RequestError> {
    const PARAM: &str = "tool_choice";
    let choice =
        Object::scan(json).ok_or_else(|| RequestError::invalid(PARAM, "it must be an object"))?;
    let missing = |member: &str| RequestError::missing(&format!("{PARAM}.{member}"));
    request.tool_choice = match choice.text("type").ok_or_else(|| missing("type"))?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => {
            ToolChoice::Named(Cow::Owned(choice.text("name").ok_or_else(|| missing("name"))?))
        }
        other => ToolChoice::Other(Cow::Owned(other.to_owned())),
    };
    if let Some(json) = choice.get("disable_parallel_tool_use") {
        let forbids: bool = value("tool_choice.disable_parallel_tool_use", json)?;
        // Left to the provider unless it is forbidden: false is the dialect's default.
        request.parallel_tool_calls = forbids.then_some(false);
    }
    Ok(())
}

fn output_config<'a>(request: &mut ChatRequest<'a>, json: &'a str) -> Result<(), RequestError> {
    let config = Object::scan(json)
        .ok_or_else(|| RequestError::invalid("output_config", "it must be an object"))?;
    for (key, json) in config.iter().filter(|(_, json)| !is_null(json)) {
        let param = format!("output_config.{key}");
        match key {
            "effort" => request.effort = Some(value(&param, json)?),
            "format" => request.format = format(&param, json)?,
            _ => request.rest.push((Cow::Owned(param), json)),
        }
    }
    Ok(())
}

fn format<'a>(param: &str, json: &'a str) -> Result<ResponseFormat<'a>, RequestError> {
    let object =
        Object::scan(json).ok_or_else(|| RequestError::invalid(param, "it must be an object"))?;
    match object.text("type").as_deref() {
        Some("json_schema") => {
            let member = format!("{param}.schema");
            let schema = object.get("schema").ok_or_else(|| RequestError::missing(&member))?;
            let schema = value(&member, schema)?;
            // The provider decodes by the schema, which others call strict.
            let strict = Some(true);
            Ok(ResponseFormat::JsonSchema(JsonSchema {
                schema,
                name: None,
                description: None,
                strict,
            }))
        }
        Some(other) => Ok(ResponseFormat::Other(Cow::Owned(other.to_owned()))),
        None => Err(RequestError::missing(&format!("{param}.type"))),
    }
}

/// How much to reason, by the way of thinking asked for. An effort that is named wins over a budget;
/// a way that leaves it to the model asks for nothing.
fn effort(thinking: &str, named: Option<Effort>) -> Result<Option<Effort>, RequestError> {
    const PARAM: &str = "thinking";
    let thinking = Object::scan(thinking)
        .ok_or_else(|| RequestError::invalid(PARAM, "it must be an object"))?;
    let kind =
        thinking.text("type").ok_or_else(|| RequestError::missing(&format!("{PARAM}.type")))?;
    Ok(match kind.as_str() {
        "disabled" => Some(Effort::None),
        "enabled" => named.or_else(|| Some(effort_of_budget(thinking.count("budget_tokens")))),
        _ => named,
    })
}

/// The effort whose budget [`super::config`] would write nearest to this one. The highest are left
/// out: few models of others know them.
const fn effort_of_budget(tokens: u64) -> Effort {
    match tokens {
        0..=2_047 => Effort::Low,
        2_048..=8_191 => Effort::Medium,
        _ => Effort::High,
    }
}

#[cfg(test)]
mod tests;
