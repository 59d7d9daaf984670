//! How a client steers the model: generation config, tools and their choice.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::member::{camel, many, value};
use super::schema::json_schema;
use crate::chat::{ChatRequest, Effort, JsonSchema, ResponseFormat, Tool, ToolChoice};
use crate::json::{List, Object, Text, is_null, whole};
use crate::request::RequestError;

/// Members that ask for nothing when they hold this JSON.
const NEUTRAL_VALUES: [(&str, &[&str]); 5] = [
    ("presencePenalty", &["0", "0.0"]),
    ("frequencyPenalty", &["0", "0.0"]),
    ("responseModalities", &["[\"TEXT\"]", "[]"]),
    ("responseLogprobs", &["false"]),
    ("mediaResolution", &["\"MEDIA_RESOLUTION_UNSPECIFIED\""]),
];

/// Most tokens of a budget that is still this effort. The vendor's compatible endpoint gives 1,024
/// tokens for low, 8,192 for medium and 24,576 for high (its documentation, read 2026-11-22).
const BUDGETS: [(u64, Effort); 4] =
    [(0, Effort::None), (1_024, Effort::Low), (8_192, Effort::Medium), (24_576, Effort::High)];

/// Takes a `generationConfig`.
pub(super) fn generation<'a>(
    request: &mut ChatRequest<'a>,
    json: &'a str,
) -> Result<(), RequestError> {
    const PARAM: &str = "generationConfig";
    let members =
        Object::scan(json).ok_or_else(|| RequestError::invalid(PARAM, "it must be an object"))?;
    let mut shape = Shape::default();
    for (key, json) in members.iter().filter(|(_, json)| !is_null(json)) {
        let name = camel(key);
        let param = format!("{PARAM}.{name}");
        let count = || {
            let wrong = || RequestError::invalid(&*param, "it must be a whole number");
            whole(json).ok_or_else(wrong)
        };
        match name.as_ref() {
            "temperature" => request.sampling.temperature = Some(number(&param, json)?),
            "topP" => request.sampling.top_p = Some(number(&param, json)?),
            "topK" => request.sampling.top_k = Some(number(&param, json)?),
            "maxOutputTokens" => request.max_output_tokens = Some(count()?),
            "candidateCount" => request.choices = u32::try_from(count()?).unwrap_or(u32::MAX),
            "stopSequences" => {
                let list: List<Text<'a>> = value(&param, json)?;
                request.sampling.stop = list.0.into_iter().map(|text| text.0).collect();
            }
            "responseMimeType" => shape.mime_type = Some(value::<Text<'a>>(&param, json)?.0),
            "responseSchema" => shape.schema = Some(json_schema(&param, json)?),
            "responseJsonSchema" | "_responseJsonSchema" => {
                shape.json_schema = Some(value(&param, json)?);
            }
            "thinkingConfig" => thinking(request, json)?,
            _ if is_neutral(&name, json) => {}
            // Names that mean the same everywhere are told in the common words.
            "seed" => request.rest.push((Cow::Borrowed("seed"), json)),
            "presencePenalty" => request.rest.push((Cow::Borrowed("presence_penalty"), json)),
            "frequencyPenalty" => request.rest.push((Cow::Borrowed("frequency_penalty"), json)),
            _ => request.rest.push((Cow::Owned(param), json)),
        }
    }
    request.format = shape.format();
    Ok(())
}

fn is_neutral(name: &str, json: &str) -> bool {
    NEUTRAL_VALUES.iter().any(|(key, values)| *key == name && values.contains(&json))
}

/// A number, kept as the client wrote it.
fn number<'a>(param: &str, json: &'a str) -> Result<&'a RawValue, RequestError> {
    value::<f64>(param, json)?;
    value(param, json)
}

/// The shape of the answer, which several members describe.
#[derive(Default)]
struct Shape<'a> {
    mime_type: Option<Cow<'a, str>>,
    schema: Option<Cow<'a, RawValue>>,
    json_schema: Option<&'a RawValue>,
}

impl<'a> Shape<'a> {
    fn format(self) -> ResponseFormat<'a> {
        let schema = self.json_schema.map(Cow::Borrowed).or(self.schema);
        match (self.mime_type.as_deref(), schema) {
            (None | Some("application/json"), Some(schema)) => {
                ResponseFormat::JsonSchema(JsonSchema {
                    schema,
                    name: None,
                    description: None,
                    strict: None,
                })
            }
            (Some("application/json"), None) => ResponseFormat::JsonObject,
            (None | Some("text/plain" | ""), None) => ResponseFormat::Text,
            _ => ResponseFormat::Other(self.mime_type.unwrap_or_default()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingBody<'a> {
    #[serde(borrow, alias = "thinking_level")]
    thinking_level: Option<Text<'a>>,
    #[serde(borrow, alias = "thinking_budget")]
    thinking_budget: Option<&'a RawValue>,
}

/// How much to reason: a level, or a budget of tokens (0 for none, negative for as the model likes).
fn thinking(request: &mut ChatRequest<'_>, json: &str) -> Result<(), RequestError> {
    const PARAM: &str = "generationConfig.thinkingConfig";
    let body: ThinkingBody<'_> = value(PARAM, json)?;
    if let Some(level) = body.thinking_level {
        request.effort = match level.0.to_ascii_uppercase().as_str() {
            "MINIMAL" => Some(Effort::Minimal),
            "LOW" => Some(Effort::Low),
            "MEDIUM" => Some(Effort::Medium),
            "HIGH" => Some(Effort::High),
            "XHIGH" => Some(Effort::Xhigh),
            "THINKING_LEVEL_UNSPECIFIED" => None,
            other => {
                let text = format!("`{other}` is not one of MINIMAL, LOW, MEDIUM, HIGH, XHIGH");
                return Err(RequestError::invalid(format!("{PARAM}.thinkingLevel"), text));
            }
        };
    } else if let Some(budget) = body.thinking_budget.and_then(|raw| whole(raw.get())) {
        let effort = BUDGETS.iter().find(|(most, _)| budget <= *most);
        request.effort = Some(effort.map_or(Effort::Xhigh, |(_, effort)| *effort));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeclarationBody<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow, alias = "parameters_json_schema")]
    parameters_json_schema: Option<&'a RawValue>,
}

/// Takes `tools`. Those that run at the vendor are kept by name.
pub(super) fn tools<'a>(request: &mut ChatRequest<'a>, json: &'a str) -> Result<(), RequestError> {
    for (position, raw) in many("tools", json)?.into_iter().enumerate() {
        let param = format!("tools[{position}]");
        let tool = Object::scan(raw.get())
            .ok_or_else(|| RequestError::invalid(&*param, "it must be an object"))?;
        for (key, json) in tool.iter().filter(|(_, json)| !is_null(json)) {
            let name = camel(key);
            let param = format!("{param}.{name}");
            if name != "functionDeclarations" {
                request.rest.push((Cow::Owned(param), json));
                continue;
            }
            for raw in many(&param, json)? {
                request.tools.push(declaration(&param, raw)?);
            }
        }
    }
    Ok(())
}

fn declaration<'a>(param: &str, raw: &'a RawValue) -> Result<Tool<'a>, RequestError> {
    let body: DeclarationBody<'a> = value(param, raw.get())?;
    let name = body.name.ok_or_else(|| RequestError::missing(&format!("{param}.name")))?;
    let parameters = match (body.parameters_json_schema, body.parameters) {
        (Some(schema), _) => Some(Cow::Borrowed(schema)),
        (None, Some(schema)) => Some(json_schema(&format!("{param}.parameters"), schema.get())?),
        (None, None) => None,
    };
    Ok(Tool {
        name: name.0,
        description: body.description.map(|text| text.0),
        parameters: parameters.filter(|raw| !is_null(raw.get())),
        strict: false,
        cache_control: None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallingBody<'a> {
    #[serde(borrow)]
    mode: Option<Text<'a>>,
    #[serde(borrow, default, alias = "allowed_function_names")]
    allowed_function_names: Option<List<Text<'a>>>,
}

/// Takes a `toolConfig`; the functions that may be called, where they are named.
pub(super) fn tool_config<'a>(
    request: &mut ChatRequest<'a>,
    json: &'a str,
) -> Result<Vec<Cow<'a, str>>, RequestError> {
    const PARAM: &str = "toolConfig";
    let members =
        Object::scan(json).ok_or_else(|| RequestError::invalid(PARAM, "it must be an object"))?;
    let mut allowed = Vec::new();
    for (key, json) in members.iter().filter(|(_, json)| !is_null(json)) {
        let name = camel(key);
        let param = format!("{PARAM}.{name}");
        if name != "functionCallingConfig" {
            if json != "false" {
                request.rest.push((Cow::Owned(param), json));
            }
            continue;
        }
        let body: CallingBody<'a> = value(&param, json)?;
        let names = body.allowed_function_names.unwrap_or_default().0;
        allowed = names.into_iter().map(|name| name.0).collect();
        let mode = body.mode.unwrap_or_default().0;
        request.tool_choice = match (mode.to_ascii_uppercase().as_str(), allowed.as_slice()) {
            ("ANY", [one]) => ToolChoice::Named(one.clone()),
            ("ANY", _) => ToolChoice::Required,
            ("AUTO" | "VALIDATED", _) => ToolChoice::Auto,
            ("NONE", _) => ToolChoice::None,
            ("" | "MODE_UNSPECIFIED", _) => ToolChoice::Unset,
            _ => ToolChoice::Other(mode),
        };
    }
    Ok(allowed)
}
