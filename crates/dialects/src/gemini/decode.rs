//! A client's request read into the neutral chat. Nothing is judged here: what has no neutral word is
//! kept by name, so that whoever encodes it can refuse it.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::config;
use super::contents::{Calls, system, turns};
use super::member::{camel, get};
use crate::chat::ChatRequest;
use crate::json::{Object, is_null};
use crate::own::OWN_FIELDS;
use crate::request::RequestError;

/// Members the gateway itself has read, and hints that do not change an answer.
const CONSUMED: [&str; 6] =
    ["model", "labels", "store", OWN_FIELDS[0], OWN_FIELDS[1], OWN_FIELDS[2]];

/// Parameters as encoders name them, and as this dialect does.
const NAMES: [(&str, &str); 15] = [
    ("messages", "contents"),
    ("n", "generationConfig.candidateCount"),
    ("stop", "generationConfig.stopSequences"),
    ("temperature", "generationConfig.temperature"),
    ("top_p", "generationConfig.topP"),
    ("top_k", "generationConfig.topK"),
    ("seed", "generationConfig.seed"),
    ("presence_penalty", "generationConfig.presencePenalty"),
    ("frequency_penalty", "generationConfig.frequencyPenalty"),
    ("max_tokens", "generationConfig.maxOutputTokens"),
    ("reasoning_effort", "generationConfig.thinkingConfig"),
    ("response_format", "generationConfig.responseMimeType"),
    ("tool_choice", "toolConfig.functionCallingConfig"),
    ("service_tier", "serviceTier"),
    ("system", "systemInstruction"),
];

pub(super) fn request(body: &str) -> Result<ChatRequest<'_>, RequestError> {
    // The raw value proves the whole body valid before the scan trusts it.
    let body: &RawValue = serde_json::from_str(body).map_err(|e| RequestError::malformed(&e))?;
    let members = Object::scan(body.get())
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let mut request = ChatRequest::default();
    let mut instruction = None;
    let mut allowed = Vec::new();
    for (key, json) in members.iter().filter(|(_, json)| !is_null(json)) {
        let name = camel(key);
        match name.as_ref() {
            "contents" => request.turns = turns(json, &mut Calls::default())?,
            "systemInstruction" => instruction = Some(system(json)?),
            "tools" => config::tools(&mut request, json)?,
            "toolConfig" => allowed = config::tool_config(&mut request, json)?,
            "generationConfig" => config::generation(&mut request, json)?,
            "serviceTier" => request.rest.extend(tier(json)),
            "safetySettings" if json == "[]" => {}
            _ if CONSUMED.contains(&key) => {}
            _ => request.rest.push((Cow::Owned(name.into_owned()), json)),
        }
    }
    if request.turns.is_empty() {
        return Err(match get(&members, "contents") {
            None => RequestError::missing("contents"),
            Some(_) => RequestError::invalid("contents", "there must be at least one content"),
        });
    }
    if !allowed.is_empty() {
        let allowed: HashSet<&str> = allowed.iter().map(AsRef::as_ref).collect();
        request.tools.retain(|tool| allowed.contains(tool.name.as_ref()));
    }
    request.turns.splice(0..0, instruction);
    Ok(request)
}

/// The tier asked for, in the common words.
fn tier(json: &str) -> Option<(Cow<'_, str>, &'_ str)> {
    let word = crate::json::plain_text(json).unwrap_or_default().to_ascii_lowercase();
    let told = match word.as_str() {
        "standard" | "unspecified" | "" => return None,
        "flex" => "\"flex\"",
        "priority" => "\"priority\"",
        _ => json,
    };
    Some((Cow::Borrowed("service_tier"), told))
}

/// A prompt whose tokens are to be counted: contents, or a whole request around them.
pub(super) fn count(body: &str) -> Result<ChatRequest<'_>, RequestError> {
    let raw: &RawValue = serde_json::from_str(body).map_err(|e| RequestError::malformed(&e))?;
    let whole = Object::scan(raw.get()).and_then(|object| get(&object, "generateContentRequest"));
    request(whole.unwrap_or(raw.get()))
}

/// The name this dialect has for a parameter that an encoder names.
pub(super) fn param_name(name: &str) -> Cow<'_, str> {
    if let Some((_, own)) = NAMES.iter().find(|(neutral, _)| *neutral == name) {
        return Cow::Borrowed(own);
    }
    match name.strip_prefix("messages[") {
        Some(place) => Cow::Owned(format!("contents[{}", place.replace("].content", "].parts"))),
        None => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests;
