//! A plain answer between client and provider of this dialect: every byte stays but for its cost.

mod usual;

use bytes::Bytes;
use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;
use units::Usd;

use super::{error, usage};
use crate::json::{Edit, Object, Text, spliced, text_of};
use crate::own::{label, priced, with_cost};
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::without_position;

use usual::Usual;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// One choice, with its message as it is read.
#[derive(Deserialize)]
struct Choice<'a, M> {
    message: Option<M>,
    /// Where a legacy completion has its text.
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

/// The text a message or a delta holds, for an estimate.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

impl<M> Choice<'_, M> {
    /// Counts the text into the facts and notes why it ended.
    fn note(&self, count: impl FnOnce(&M, &mut Facts), facts: &mut Facts) {
        if let Some(message) = &self.message {
            count(message, facts);
        }
        if let Some(text) = &self.text {
            facts.output.push(text.as_str());
        }
        if let Some(native) = &self.finish_reason {
            note_finish(facts, native.as_str());
        }
    }
}

impl Message<'_> {
    /// Counts the text into the facts.
    pub(super) fn count(&self, facts: &mut Facts) {
        for raw in [self.content, self.reasoning_content, self.reasoning, self.refusal] {
            match raw.map(|raw| serde_json::from_str::<Text<'_>>(raw.get())) {
                Some(Ok(text)) => facts.output.push(&text.0),
                // Parts instead of text: their JSON is near enough for an estimate.
                Some(Err(_)) => facts.output.push(raw.map_or("", RawValue::get)),
                None => {}
            }
        }
        let calls: Option<Vec<Call<'_>>> =
            self.tool_calls.and_then(|raw| serde_json::from_str(raw.get()).ok());
        calls.unwrap_or_default().iter().for_each(|call| call.count(facts));
    }
}

impl Call<'_> {
    fn count(&self, facts: &mut Facts) {
        for text in self.function.iter().flat_map(|f| [&f.name, &f.arguments]).flatten() {
            facts.output.push(text.as_str());
        }
    }
}

/// Why the model stopped, in the common vocabulary.
pub(super) fn finish_reason(native: &str) -> FinishReason {
    match native {
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" | "refusal" => FinishReason::ContentFilter,
        "error" => FinishReason::Error,
        _ => FinishReason::Stop,
    }
}

/// Notes a finish reason.
pub(super) fn note_finish(facts: &mut Facts, native: &str) {
    facts.finish_reason = Some(finish_reason(native));
    facts.native_finish_reason = Some(native.to_owned());
}

pub(super) fn rewrite(bytes: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| garbage("it is not UTF-8"))?;
    let (mut facts, tier, usage) = match Usual::read(text) {
        Some(usual) => {
            let (facts, tier) = usual.facts();
            (facts, tier, usual.usage)
        }
        None => read(text)?,
    };
    let usage = usage.and_then(|raw| Object::scan(raw.get()));
    facts.usage = usage.as_ref().map(|usage| usage::of(usage, tier));
    let cost = facts.usage.as_ref().and_then(|usage| (context.cost)(usage));
    let changed = match (&context.model_shown, usage, cost) {
        // Where the usage lies is known already: the rest is not searched for it again.
        (None, Some(usage), Some(cost)) => spliced(text, usage.json(), &priced(&usage, cost)),
        _ => respelled(text, cost, context),
    };
    let body = changed.map_or_else(|| bytes.clone(), Bytes::from);
    Ok(Reply { body, facts })
}

fn garbage(what: &str) -> ReplyError {
    ReplyError::Garbage(what.to_owned())
}

/// What an answer of any shape says: but for its usage, the tier it names, and that usage.
fn read(text: &str) -> Result<(Facts, Option<String>, Option<&RawValue>), ReplyError> {
    let body: Body<'_> = serde_json::from_str(text).map_err(|e| garbage(&without_position(&e)))?;
    if let Some(member) = body.error {
        return Err(error::read(member.get()).into());
    }
    let choices: Vec<&RawValue> = body
        .choices
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .ok_or_else(|| garbage("it has no list of choices"))?;
    let mut facts = Facts { id: label(body.id), model: label(body.model), ..Facts::default() };
    for choice in choices {
        if let Ok(choice) = serde_json::from_str::<Choice<'_, Message<'_>>>(choice.get()) {
            choice.note(Message::count, &mut facts);
        }
    }
    Ok((facts, label(body.service_tier), body.usage))
}

/// The JSON with its cost in `usage` and the model shown; `None` when nothing changes.
pub(super) fn respelled(json: &str, cost: Option<Usd>, context: &ReplyContext) -> Option<String> {
    if cost.is_none() && context.model_shown.is_none() {
        return None;
    }
    let edit = |key: &str, value: &str| match key {
        "usage" => cost.and_then(|cost| with_cost(value, cost)).map(Edit::Replace),
        "model" => context.model_shown.as_deref().map(|model| Edit::Replace(text_of(model))),
        _ => None,
    };
    Object::scan(json)?.rewrite(edit, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn context(cost: Option<i128>, model: Option<&str>) -> ReplyContext {
        ReplyContext {
            model_shown: model.map(str::to_owned),
            cost: Arc::new(move |_| cost.map(Usd::from_pico)),
            ..ReplyContext::unpriced()
        }
    }

    const BODY: &str = r#"{ "id":"c1", "model":"gpt-x-2026", "choices":[{"index":0,"message":{"role":"assistant","content":"Hi \u00e9","x":1.0},"finish_reason":"stop"}], "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}, "service_tier":"flex", "x_new":[1, 2] }"#;

    #[test]
    fn only_the_cost_is_added() {
        let reply = rewrite(&Bytes::from(BODY), &context(Some(1_500), None)).unwrap();
        let expected =
            BODY.replace("\"total_tokens\":5", "\"total_tokens\":5,\"cost\":0.0000000015");
        assert_eq!(reply.body, expected);
        let usage = reply.facts.usage.as_ref().unwrap();
        assert_eq!((usage.meters.input_tokens(), usage.meters.output_tokens()), (3, 2));
        assert_eq!(usage.service_tier.as_deref(), Some("flex"));
        assert_eq!(reply.facts.finish_reason, Some(FinishReason::Stop));
        assert_eq!(reply.facts.output.bytes, 5);
        assert_eq!(
            (reply.facts.id.as_deref(), reply.facts.model.as_deref()),
            (Some("c1"), Some("gpt-x-2026"))
        );
    }

    #[test]
    fn without_price_and_alias_the_answer_is_the_providers_own_bytes() {
        let body = Bytes::from(BODY);
        assert_eq!(rewrite(&body, &context(None, None)).unwrap().body.as_ptr(), body.as_ptr());
        let shown = rewrite(&body, &context(None, Some("fast"))).unwrap().body;
        assert_eq!(shown, BODY.replace("gpt-x-2026", "fast"));
    }

    #[test]
    fn a_cost_already_there_is_replaced_not_doubled() {
        let body = r#"{"choices":[],"usage":{"cost":9,"prompt_tokens":1}}"#;
        let reply = rewrite(&Bytes::from(body), &context(Some(1), None)).unwrap();
        assert_eq!(
            reply.body,
            r#"{"choices":[],"usage":{"cost":0.000000000001,"prompt_tokens":1}}"#
        );
        assert_eq!(reply.facts.usage.unwrap().reported_cost, Some(Usd::from_dollars(9)));
    }

    #[test]
    fn the_usual_shapes_are_read_as_any_shape_is() {
        let choices = [
            r#"{"message":{"content":"Hi","reasoning_content":"r\u00e9","refusal":null,"x":[1]},"finish_reason":"length"}"#,
            r#"{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}},{"function":null}]},"finish_reason":"tool_calls"}"#,
            r#"{"text":"legacy","finish_reason":null},{"message":null}"#,
        ];
        for choice in choices {
            let text = format!(
                r#"{{"id":"c","model":"m","choices":[{choice}],"usage":{{"prompt_tokens":1}},"service_tier":"","error":null}}"#
            );
            let usual = Usual::read(&text).expect("usual");
            let (facts, tier, usage) = read(&text).unwrap();
            assert_eq!(usual.facts(), (facts, tier), "{choice}");
            assert_eq!(usual.usage.map(RawValue::get), usage.map(RawValue::get), "{choice}");
        }
        for unusual in [
            r#"{"id":7,"choices":[]}"#,
            r#"{"choices":[{"message":{"content":[{"type":"text","text":"Hi"}]}}]}"#,
            r#"{"choices":[{"message":{"tool_calls":{}}}]}"#,
        ] {
            assert!(Usual::read(unusual).is_none() && read(unusual).is_ok(), "{unusual}");
        }
    }

    #[test]
    fn an_error_under_status_200_and_junk_are_no_answers() {
        let error =
            rewrite(&Bytes::from(r#"{"error":{"message":"m","code":429}}"#), &context(None, None));
        assert!(
            matches!(error, Err(ReplyError::Upstream(e)) if e.status == 429 && e.message == "m")
        );
        for junk in ["", "<html>", "{}", "[]", "{\"choices\":5}", "\u{0}"] {
            let reply = rewrite(&Bytes::from(junk), &context(None, None));
            assert!(matches!(reply, Err(ReplyError::Garbage(_))), "{junk}");
        }
    }
}
