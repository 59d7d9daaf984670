//! A client's request read into the neutral chat. Nothing is judged here: what has no neutral word
//! is kept by name, so that whoever encodes it can refuse it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::parts::{MessageBody, turn};
use crate::chat::{ChatRequest, Effort, JsonSchema, ResponseFormat, Tool, ToolChoice};
use crate::json::{List, Object, Text, is_null};
use crate::own::{OWN_FIELDS, typed};
use crate::request::{RequestError, without_position};

/// Members the gateway itself has read, and hints that do not change an answer.
const CONSUMED: [&str; 10] = [
    "model",
    "stream_options",
    "safety_identifier",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    OWN_FIELDS[0],
    OWN_FIELDS[1],
    OWN_FIELDS[2],
];

/// Members that ask for nothing when they hold this JSON.
const NEUTRAL_VALUES: [(&str, &[&str]); 11] = [
    ("frequency_penalty", &["0", "0.0"]),
    ("presence_penalty", &["0", "0.0"]),
    ("logit_bias", &["{}"]),
    ("logprobs", &["false"]),
    ("top_logprobs", &["0"]),
    ("store", &["false"]),
    ("modalities", &["[\"text\"]"]),
    ("service_tier", &["\"auto\"", "\"default\""]),
    ("verbosity", &["\"medium\""]),
    ("functions", &["[]"]),
    ("function_call", &["\"auto\"", "\"none\""]),
];

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
    if request.user.is_none() {
        request.user = members.text("safety_identifier").map(Cow::Owned);
    }
    // The newer name of the limit wins, wherever it stands.
    if let Some(json) = members.get("max_completion_tokens") {
        request.max_output_tokens = Some(value("max_completion_tokens", json)?);
    }
    if request.turns.is_empty() {
        return Err(match members.get("messages") {
            None => RequestError::missing("messages"),
            Some(_) => RequestError::invalid("messages", "there must be at least one message"),
        });
    }
    Ok(request)
}

fn member<'a>(request: &mut ChatRequest<'a>, key: &str, json: &'a str) -> Result<(), RequestError> {
    match key {
        "messages" => {
            let messages: List<&'a RawValue> = value("messages", json)?;
            for (position, raw) in messages.0.into_iter().enumerate() {
                let message: MessageBody<'a> = parsed(&format!("messages[{position}]"), raw)?;
                request.turns.push(turn(message, position)?);
            }
        }
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
        "response_format" => request.format = response_format(json)?,
        "temperature" => request.sampling.temperature = Some(number(key, json)?),
        "top_p" => request.sampling.top_p = Some(number(key, json)?),
        "top_k" => request.sampling.top_k = Some(number(key, json)?),
        "stop" => request.sampling.stop = stop(json)?,
        "reasoning_effort" => request.effort = Some(value::<Effort>(key, json)?),
        "max_tokens" => request.max_output_tokens = Some(value(key, json)?),
        "max_completion_tokens" => {}
        "n" => request.choices = value(key, json)?,
        "stream" => request.stream = value(key, json)?,
        "user" => request.user = Some(value::<Text<'a>>(key, json)?.0),
        _ if CONSUMED.contains(&key) || is_neutral(key, json) => {}
        _ => request.rest.push((Cow::Owned(key.to_owned()), json)),
    }
    Ok(())
}

fn is_neutral(key: &str, json: &str) -> bool {
    NEUTRAL_VALUES.iter().any(|(name, values)| *name == key && values.contains(&json))
}

/// A member of a known type, with its name in the error.
fn value<'a, T: Deserialize<'a>>(param: &str, json: &'a str) -> Result<T, RequestError> {
    serde_json::from_str(json).map_err(|e| RequestError::invalid(param, without_position(&e)))
}

fn parsed<'a, T: Deserialize<'a>>(param: &str, raw: &'a RawValue) -> Result<T, RequestError> {
    value(param, raw.get())
}

/// A number, kept as the client wrote it.
fn number<'a>(param: &str, json: &'a str) -> Result<&'a RawValue, RequestError> {
    let raw: &RawValue = value(param, json)?;
    typed::<f64>(param, raw).map(|_| raw)
}

#[derive(Deserialize)]
struct ToolBody<'a> {
    #[serde(borrow)]
    function: Option<FunctionBody<'a>>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct FunctionBody<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

/// A function; `None` for the tools that exist at one provider only.
fn tool<'a>(raw: &'a RawValue, param: &str) -> Result<Option<Tool<'a>>, RequestError> {
    let body: ToolBody<'a> = parsed(param, raw)?;
    Ok(body.function.map(|function| Tool {
        name: function.name.0,
        description: function.description.map(|text| text.0),
        parameters: function.parameters.filter(|raw| !is_null(raw.get())).map(Cow::Borrowed),
        strict: function.strict.unwrap_or(false),
        cache_control: body.cache_control,
    }))
}

fn tool_choice(json: &str) -> Result<ToolChoice<'_>, RequestError> {
    let invalid = || RequestError::invalid("tool_choice", "it must be a string or an object");
    let Some(object) = Object::scan(json) else {
        let word = value::<Text<'_>>("tool_choice", json).map_err(|_| invalid())?;
        return Ok(match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => ToolChoice::Other(word.0),
        });
    };
    if let Some(name) = object.child("function").and_then(|function| function.text("name")) {
        return Ok(ToolChoice::Named(Cow::Owned(name)));
    }
    object.text("type").map(|kind| ToolChoice::Other(Cow::Owned(kind))).ok_or_else(invalid)
}

fn response_format(json: &str) -> Result<ResponseFormat<'_>, RequestError> {
    const PARAM: &str = "response_format";
    let object =
        Object::scan(json).ok_or_else(|| RequestError::invalid(PARAM, "it must be an object"))?;
    match object.text("type").as_deref() {
        Some("text") => Ok(ResponseFormat::Text),
        Some("json_object") => Ok(ResponseFormat::JsonObject),
        Some("json_schema") => {
            let wrapper = object.child("json_schema");
            let member = |key: &str| wrapper.as_ref().and_then(|wrapper| wrapper.get(key));
            let schema = member("schema")
                .ok_or_else(|| RequestError::missing("response_format.json_schema.schema"))?;
            let text = |key| wrapper.as_ref().and_then(|w| w.text(key)).map(Cow::Owned);
            Ok(ResponseFormat::JsonSchema(JsonSchema {
                schema: Cow::Borrowed(value(PARAM, schema)?),
                name: text("name"),
                description: text("description"),
                strict: member("strict").map(|json| json == "true"),
            }))
        }
        Some(other) => Ok(ResponseFormat::Other(Cow::Owned(other.to_owned()))),
        None => Err(RequestError::missing("response_format.type")),
    }
}

fn stop(json: &str) -> Result<Vec<Cow<'_, str>>, RequestError> {
    if json.starts_with('"') {
        return Ok(vec![value::<Text<'_>>("stop", json)?.0]);
    }
    let texts: List<Text<'_>> = value("stop", json)?;
    Ok(texts.0.into_iter().map(|text| text.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Content, Role};
    use proptest::prelude::*;

    #[test]
    fn a_request_is_read_whole_and_without_judgement() {
        let body = r#"{"model":"m","messages":[
            {"role":"developer","content":"be brief"},
            {"role":"user","content":[{"type":"text","text":"a"},{"type":"input_audio","input_audio":{}}]}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"},"strict":true}}],
            "tool_choice":{"type":"function","function":{"name":"f"}},"stop":"x","n":3,
            "max_tokens":5,"max_completion_tokens":6,"frequency_penalty":0,"seed":1,"user":null}"#;
        let request = request(body).unwrap();
        assert_eq!(request.turns[0].role, Role::System);
        assert!(
            matches!(&request.turns[1].parts[1].content, Content::Other(kind) if kind == "input_audio")
        );
        assert_eq!(request.tool_choice, ToolChoice::Named("f".into()));
        assert!(request.tools[0].strict);
        assert_eq!((request.max_output_tokens, request.choices), (Some(6), 3));
        assert_eq!(request.rest.len(), 1);
        assert_eq!(request.rest[0], ("seed".into(), "1"));
        assert_eq!(request.sampling.stop, ["x"]);
        assert!(request.sampling.temperature.is_none());
    }

    #[test]
    fn an_error_names_the_parameter() {
        for (members, param) in [
            (r#""messages":[]"#, "messages"),
            (r#""model":"m""#, "messages"),
            (r#""messages":{}"#, "messages"),
            (r#""messages":[{"content":"x"}]"#, "messages[0]"),
            (r#""messages":[{"role":"bard","content":"x"}]"#, "messages[0].role"),
            (r#""messages":[{"role":"user","content":5}]"#, "messages[0].content"),
            (r#""messages":[{"role":"tool","content":"x"}]"#, "messages[0].tool_call_id"),
            (r#""messages":[{"role":"user","content":"x"}],"temperature":"hot""#, "temperature"),
            (
                r#""messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{}}]"#,
                "tools[0]",
            ),
            (
                r#""messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema"}"#,
                "response_format.json_schema.schema",
            ),
            (
                r#""messages":[{"role":"user","content":"x"}],"reasoning_effort":"extreme""#,
                "reasoning_effort",
            ),
        ] {
            let body = format!("{{{members}}}");
            let error = request(&body).unwrap_err();
            assert_eq!(error.param(), Some(param), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(body in "[{}\\[\\]\",:a-z0-9 \\\\]{0,80}") {
            let _ = request(&body);
        }
    }
}
