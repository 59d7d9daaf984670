//! The messages of a client read into neutral turns.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::member::{many, value};
use super::parts::{CallBody, PartBody, ResultBody};
use super::signature::{self, Foreign};
use crate::chat::{Content, Part, Role, Turn};
use crate::json::Text;
use crate::request::RequestError;

#[derive(Deserialize)]
struct ContentBody<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

/// Calls so far, so that results find theirs: ids may be missing.
#[derive(Default)]
pub(super) struct Calls<'a> {
    calls: Vec<Call<'a>>,
    /// Where the first call of an id stands.
    by_id: HashMap<Cow<'a, str>, usize>,
    /// Where the calls of a tool stand that may be without a result yet, in order.
    open: HashMap<Cow<'a, str>, VecDeque<usize>>,
}

struct Call<'a> {
    id: Cow<'a, str>,
    is_answered: bool,
}

impl<'a> Calls<'a> {
    fn call(&mut self, body: CallBody<'a>, signature: Option<Text<'a>>) -> Content<'a> {
        let id = body.id.map(|id| id.0).filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Cow::Owned(format!("call_{}", self.calls.len())));
        let name = body.name.unwrap_or_default().0;
        let at = self.calls.len();
        self.by_id.entry(id.clone()).or_insert(at);
        self.open.entry(name.clone()).or_default().push_back(at);
        self.calls.push(Call { id: id.clone(), is_answered: false });
        Content::ToolCall {
            id,
            name,
            arguments: Cow::Borrowed(body.args.map_or("", RawValue::get)),
            signature: signature.map(|text| text.0).filter(|text| !text.is_empty()),
        }
    }

    /// The id of the call that a result answers: its own, else that of the first call of the tool that
    /// has no result yet.
    fn answered(&mut self, body: &ResultBody<'a>) -> Cow<'a, str> {
        let told = body.id.as_ref().filter(|id| !id.0.is_empty());
        let name = body.name.as_ref().map_or("", Text::as_str);
        let at = match told {
            Some(id) => self.by_id.get(&id.0).copied(),
            None => self.next_open(name),
        };
        match (at.and_then(|at| self.calls.get_mut(at)), told) {
            (Some(call), _) => {
                call.is_answered = true;
                call.id.clone()
            }
            (None, Some(id)) => id.0.clone(),
            // A result nobody asked for: the provider says what it thinks of it.
            (None, None) => Cow::Owned(format!("call_of_{name}")),
        }
    }

    /// The first call of a tool that has no result yet; those before it are not looked at again.
    fn next_open(&mut self, name: &str) -> Option<usize> {
        let open = self.open.get_mut(name)?;
        while let Some(at) = open.pop_front() {
            if self.calls.get(at).is_some_and(|call| !call.is_answered) {
                return Some(at);
            }
        }
        None
    }
}

/// The turns of `contents`.
pub(super) fn turns<'a>(
    json: &'a str,
    calls: &mut Calls<'a>,
) -> Result<Vec<Turn<'a>>, RequestError> {
    let contents = many("contents", json)?.into_iter().enumerate();
    contents
        .map(|(position, raw)| {
            let param = format!("contents[{position}]");
            let body: ContentBody<'a> = value(&param, raw.get())?;
            let role = match body.role.as_ref().map_or("user", Text::as_str) {
                "model" => Role::Assistant,
                "user" | "" => Role::User,
                "function" | "tool" => Role::Tool,
                other => {
                    let text = format!("`{other}` is not one of user, model");
                    return Err(RequestError::invalid(format!("{param}.role"), text));
                }
            };
            let parts = parts(body.parts, &param, calls)?;
            let is_result = |part: &Part<'_>| matches!(part.content, Content::ToolResult { .. });
            let only_results = !parts.is_empty() && parts.iter().all(is_result);
            let role = match role {
                Role::User | Role::Tool if only_results => Role::Tool,
                Role::Tool => Role::User,
                other => other,
            };
            Ok(Turn { role, parts, position, has_name: false })
        })
        .collect()
}

/// The turn of a `systemInstruction`: a content, or bare text as some libraries write it.
pub(super) fn system(json: &str) -> Result<Turn<'_>, RequestError> {
    const PARAM: &str = "systemInstruction";
    let parts = if json.trim_ascii_start().starts_with('"') {
        vec![Part::plain(Content::Text(value::<Text<'_>>(PARAM, json)?.0))]
    } else {
        let body: ContentBody<'_> = value(PARAM, json)?;
        parts(body.parts, PARAM, &mut Calls::default())?
    };
    Ok(Turn { role: Role::System, parts, position: 0, has_name: false })
}

fn parts<'a>(
    raw: Option<&'a RawValue>,
    param: &str,
    calls: &mut Calls<'a>,
) -> Result<Vec<Part<'a>>, RequestError> {
    let mut parts = Vec::new();
    let mut thoughts = None;
    let raws = raw.map(|raw| many(&format!("{param}.parts"), raw.get())).transpose()?;
    for (index, raw) in raws.unwrap_or_default().into_iter().enumerate() {
        let param = format!("{param}.parts[{index}]");
        let mut body: PartBody<'a> = value(&param, raw.get())?;
        if body.thought == Some(true) && body.function_call.is_none() {
            parts.extend(thought(body, &mut thoughts).map(Part::plain));
            continue;
        }
        parts.extend(thoughts.take().map(|_: String| Part::plain(Content::UnsignedThinking)));
        let content = if let Some(call) = body.function_call.take() {
            Some(calls.call(call, body.thought_signature.take()))
        } else if let Some(result) = body.function_response.take() {
            let call_id = calls.answered(&result);
            let is_error = result.is_error();
            Some(Content::ToolResult { call_id, parts: result.parts(&param)?, is_error })
        } else {
            body.content(&param)?
        };
        parts.extend(content.map(Part::plain));
    }
    parts.extend(thoughts.map(|_| Part::plain(Content::UnsignedThinking)));
    Ok(parts)
}

/// Reasoning shown. A stream tells it piece by piece and its signature last, so that pieces are kept
/// until there is one; without one nobody takes it back.
fn thought<'a>(body: PartBody<'a>, before: &mut Option<String>) -> Option<Content<'a>> {
    let kept = body.thought_signature.and_then(|text| signature::foreign(&text.0));
    let text = body.text.unwrap_or_default().0;
    match kept {
        Some(Foreign::Redacted(data)) => Some(Content::RedactedThinking(Cow::Owned(data))),
        Some(Foreign::Signature(signature)) => {
            let text = match before.take() {
                Some(before) => Cow::Owned(before + &text),
                None => text,
            };
            Some(Content::Thinking { text, signature: Cow::Owned(signature) })
        }
        None => {
            before.get_or_insert_default().push_str(&text);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_without_ids_find_their_results_by_name_and_order() {
        let json = r#"[
            {"role":"user","parts":[{"text":"go"}]},
            {"role":"model","parts":[
                {"functionCall":{"name":"f","args":{"n":1}},"thoughtSignature":"c2ln"},
                {"functionCall":{"name":"f","args":{"n":2}}},
                {"function_call":{"id":"own","name":"g"}}]},
            {"role":"user","parts":[
                {"functionResponse":{"name":"f","response":{"output":"one"}}},
                {"function_response":{"name":"f","response":{"a":1}}},
                {"functionResponse":{"id":"own","name":"g","response":{"error":"broke"}}}]}]"#;
        let turns = turns(json, &mut Calls::default()).unwrap();
        let calls: Vec<_> = turns[1]
            .parts
            .iter()
            .map(|part| match &part.content {
                Content::ToolCall { id, arguments, signature, .. } => {
                    (id.as_ref(), arguments.as_ref(), signature.as_deref())
                }
                _ => panic!(),
            })
            .collect();
        assert_eq!(
            calls,
            [
                ("call_0", r#"{"n":1}"#, Some("c2ln")),
                ("call_1", r#"{"n":2}"#, None),
                ("own", "", None)
            ]
        );
        assert_eq!(turns[2].role, Role::Tool);
        let results: Vec<_> = turns[2]
            .parts
            .iter()
            .map(|part| match &part.content {
                Content::ToolResult { call_id, parts, is_error } => match &parts[0].content {
                    Content::Text(text) => (call_id.as_ref(), text.as_ref(), *is_error),
                    _ => panic!(),
                },
                _ => panic!(),
            })
            .collect();
        let expected =
            [("call_0", "one", false), ("call_1", r#"{"a":1}"#, false), ("own", "broke", true)];
        assert_eq!(results, expected);
    }

    #[test]
    fn one_content_with_one_part_needs_no_list() {
        let turns = turns(r#"{"parts":{"text":"hi"}}"#, &mut Calls::default()).unwrap();
        assert_eq!((turns.len(), turns[0].role), (1, Role::User));
        for json in [r#""be brief""#, r#"{"parts":[{"text":"be brief"}]}"#] {
            let turn = system(json).unwrap();
            assert!(matches!(&turn.parts[0].content, Content::Text(text) if text == "be brief"));
        }
    }

    #[test]
    fn a_wrong_part_is_named_by_its_place() {
        let wrong = r#"[{"parts":[{"text":"a"},{"text":7}]}]"#;
        let error = turns(wrong, &mut Calls::default()).unwrap_err();
        assert_eq!(error.param(), Some("contents[0].parts[1]"));
        let error = turns(r#"[{"role":"robot"}]"#, &mut Calls::default()).unwrap_err();
        assert_eq!(error.param(), Some("contents[0].role"));
    }

    #[test]
    fn reasoning_of_others_comes_back_whole_and_that_of_the_vendor_is_left_out() {
        let kept = signature::wrapped("sig");
        let redacted = signature::wrapped_redacted("opaque");
        let json = format!(
            r#"[{{"role":"model","parts":[
                {{"text":"a","thought":true}},{{"text":"b","thought":true}},
                {{"text":"","thought":true,"thoughtSignature":"{kept}"}},
                {{"text":"","thought":true,"thoughtSignature":"{redacted}"}},
                {{"text":"c","thought":true,"thoughtSignature":"EpYS"}},{{"text":"said"}}]}}]"#
        );
        let turns = turns(&json, &mut Calls::default()).unwrap();
        let parts: Vec<_> = turns[0].parts.iter().map(|part| &part.content).collect();
        assert!(
            matches!(parts[0], Content::Thinking { text, signature } if text == "ab" && signature == "sig")
        );
        assert!(matches!(parts[1], Content::RedactedThinking(data) if data == "opaque"));
        assert!(matches!(parts[2], Content::UnsignedThinking));
        assert!(matches!(parts[3], Content::Text(text) if text == "said"));
    }
}
