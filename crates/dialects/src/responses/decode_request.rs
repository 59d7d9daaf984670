//! A client's request read into the neutral chat. Nothing is judged here but what needs a state only
//! a provider of this dialect keeps.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::items::turns;
use crate::chat::{
    ChatRequest, Content, Effort, JsonSchema, Part, ResponseFormat, Role, Tool, ToolChoice, Turn,
};
use crate::json::{List, Object, Text, is_null};
use crate::own::OWN_FIELDS;
use crate::request::{RequestError, without_position};

/// Members the gateway itself has read, and hints that do not change an answer. The limit on calls
/// of the provider's own tools has no meaning without them, and they are refused by name.
const CONSUMED: [&str; 12] = [
    "model",
    "stream_options",
    "safety_identifier",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "max_tool_calls",
    "background_options",
    OWN_FIELDS[0],
    OWN_FIELDS[1],
    OWN_FIELDS[2],
];

/// Members that ask for nothing when they hold this JSON.
const NEUTRAL_VALUES: [(&str, &[&str]); 7] = [
    ("store", &["false"]),
    ("background", &["false"]),
    ("truncation", &["\"disabled\""]),
    ("top_logprobs", &["0"]),
    ("service_tier", &["\"auto\"", "\"default\""]),
    ("context_management", &["[]"]),
    ("include", &["[]"]),
];

/// Members that stand for a state kept by the provider, and what to do instead.
const STATEFUL: [(&str, &str); 4] = [
    (
        "previous_response_id",
        "its provider keeps no responses; send the whole conversation in `input`, or ask a model that is served in this dialect",
    ),
    (
        "conversation",
        "its provider keeps no conversations; send the whole conversation in `input`, or ask a model that is served in this dialect",
    ),
    (
        "prompt",
        "its provider keeps no prompt templates; send their text in `instructions`, or ask a model that is served in this dialect",
    ),
    (
        "background",
        "its provider answers while one waits; leave it out, or ask a model that is served in this dialect",
    ),
];

/// Additions to an answer that cost nothing to leave out: seals are always sent along, the others
/// belong to tools that are refused by name.
const INCLUDABLE: [&str; 7] = [
    "reasoning.encrypted_content",
    "web_search_call.results",
    "web_search_call.action.sources",
    "file_search_call.results",
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "message.input_image.image_url",
];

pub(super) fn request(body: &str) -> Result<ChatRequest<'_>, RequestError> {
    read(body, true)
}

/// What a request says itself, for counting it: of what its provider keeps nothing is known here.
pub(super) fn counted(body: &str) -> Result<ChatRequest<'_>, RequestError> {
    read(body, false)
}

fn read(body: &str, is_answered: bool) -> Result<ChatRequest<'_>, RequestError> {
    // The raw value proves the whole body valid before the scan trusts it.
    let body: &RawValue = serde_json::from_str(body).map_err(|e| RequestError::malformed(&e))?;
    let members = Object::scan(body.get())
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let mut request = ChatRequest::default();
    for (key, json) in members.iter() {
        let is_state = STATEFUL.iter().any(|(name, _)| *name == key);
        if !is_null(json) && (is_answered || !is_state) {
            member(&mut request, key, json)?;
        }
    }
    if let Some(user) = members.text("safety_identifier") {
        request.user = Some(Cow::Owned(user));
    }
    if let Some(json) = members.get("instructions") {
        let text: Text<'_> = value("instructions", json)?;
        let parts = vec![Part::plain(Content::Text(text.0))];
        request.turns.insert(0, Turn { role: Role::System, parts, position: 0, has_name: false });
    }
    if request.turns.is_empty() {
        return Err(match members.get("input") {
            None => RequestError::missing("input"),
            Some(_) => RequestError::invalid("input", "there must be at least one item"),
        });
    }
    Ok(request)
}

fn member<'a>(request: &mut ChatRequest<'a>, key: &str, json: &'a str) -> Result<(), RequestError> {
    if is_neutral(key, json) || CONSUMED.contains(&key) {
        return Ok(());
    }
    if let Some((_, remedy)) = STATEFUL.iter().find(|(name, _)| *name == key) {
        return Err(RequestError::unsupported(key, *remedy));
    }
    match key {
        "input" => request.turns = turns(json)?,
        "instructions" => {}
        "tools" => {
            let tools: List<&'a RawValue> = value("tools", json)?;
            for (position, raw) in tools.0.into_iter().enumerate() {
                let param = format!("tools[{position}]");
                match tool(raw, &param)? {
                    Some(tool) => request.tools.push(tool),
                    None => request.rest.push((Cow::Owned(param), raw.get())),
                }
            }
        }
        "tool_choice" => request.tool_choice = tool_choice(json)?,
        "parallel_tool_calls" => request.parallel_tool_calls = Some(value(key, json)?),
        "text" => text_config(request, json)?,
        "reasoning" => reasoning(request, json)?,
        "temperature" => request.sampling.temperature = Some(number(key, json)?),
        "top_p" => request.sampling.top_p = Some(number(key, json)?),
        "max_output_tokens" => request.max_output_tokens = Some(value(key, json)?),
        "stream" => request.stream = value(key, json)?,
        "user" => request.user = Some(value::<Text<'a>>(key, json)?.0),
        "include" => {
            let names: List<Text<'a>> = value(key, json)?;
            if names.0.iter().any(|name| !INCLUDABLE.contains(&name.as_str())) {
                request.rest.push((Cow::Borrowed("include"), json));
            }
        }
        _ => request.rest.push((Cow::Owned(key.to_owned()), json)),
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

#[derive(Deserialize)]
struct ToolBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

/// A function; `None` for the tools that exist at one provider only.
fn tool<'a>(raw: &'a RawValue, param: &str) -> Result<Option<Tool<'a>>, RequestError> {
    let body: ToolBody<'a> = value(param, raw.get())?;
    if body.kind.as_str() != "function" {
        return Ok(None);
    }
    let name = body.name.ok_or_else(|| RequestError::missing(&format!("{param}.name")))?;
    Ok(Some(Tool {
        name: name.0,
        description: body.description.map(|text| text.0),
        parameters: body.parameters.map(Cow::Borrowed),
        strict: body.strict.unwrap_or(false),
        cache_control: None,
    }))
}

fn tool_choice(json: &str) -> Result<ToolChoice<'_>, RequestError> {
    let invalid = || RequestError::invalid("tool_choice", "it must be a string or an object");
    let Some(object) = Object::scan(json) else {
        let word = value::<Text<'_>>("tool_choice", json).map_err(|_| invalid())?;
        return Ok(match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => ToolChoice::Other(word.0),
        });
    };
    match (object.text("type").as_deref(), object.text("name")) {
        (Some("function"), Some(name)) => Ok(ToolChoice::Named(Cow::Owned(name))),
        (Some("function"), None) => Err(RequestError::missing("tool_choice.name")),
        (Some(kind), _) => Ok(ToolChoice::Other(Cow::Owned(kind.to_owned()))),
        (None, _) => Err(invalid()),
    }
}

fn text_config<'a>(request: &mut ChatRequest<'a>, json: &'a str) -> Result<(), RequestError> {
    let object =
        Object::scan(json).ok_or_else(|| RequestError::invalid("text", "it must be an object"))?;
    for (key, json) in object.iter().filter(|(_, json)| !is_null(json)) {
        match key {
            "format" => request.format = format(json)?,
            "verbosity" if json == "\"medium\"" => {}
            _ => request.rest.push((Cow::Owned(format!("text.{key}")), json)),
        }
    }
    Ok(())
}

fn format(json: &str) -> Result<ResponseFormat<'_>, RequestError> {
    const PARAM: &str = "text.format";
    let object =
        Object::scan(json).ok_or_else(|| RequestError::invalid(PARAM, "it must be an object"))?;
    match object.text("type").as_deref() {
        Some("text") => Ok(ResponseFormat::Text),
        Some("json_object") => Ok(ResponseFormat::JsonObject),
        Some("json_schema") => {
            let schema =
                object.get("schema").ok_or_else(|| RequestError::missing("text.format.schema"))?;
            Ok(ResponseFormat::JsonSchema(JsonSchema {
                schema: Cow::Borrowed(value(PARAM, schema)?),
                name: object.text("name").map(Cow::Owned),
                description: object.text("description").map(Cow::Owned),
                strict: object.get("strict").map(|json| json == "true"),
            }))
        }
        Some(other) => Ok(ResponseFormat::Other(Cow::Owned(other.to_owned()))),
        None => Err(RequestError::missing("text.format.type")),
    }
}

fn reasoning<'a>(request: &mut ChatRequest<'a>, json: &'a str) -> Result<(), RequestError> {
    let object = Object::scan(json)
        .ok_or_else(|| RequestError::invalid("reasoning", "it must be an object"))?;
    for (key, json) in object.iter().filter(|(_, json)| !is_null(json)) {
        match (key, json) {
            ("effort", _) => {
                request.effort = Some(value::<Effort>("reasoning.effort", json)?);
            }
            // What a provider shows of its reasoning is always passed on.
            ("summary" | "generate_summary", _)
            | ("context", "\"auto\"")
            | ("mode", "\"standard\"") => {}
            _ => request.rest.push((Cow::Owned(format!("reasoning.{key}")), json)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
