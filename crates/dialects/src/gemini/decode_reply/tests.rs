//! Plain answers read, and refusals in the guise of answers.

use events::FinishReason;

use super::*;

fn decoded(json: &str) -> (Vec<String>, Facts) {
    let mut facts = Facts::default();
    let reply = decode(json, &mut facts).unwrap();
    let parts = reply.parts.iter().map(|part| match part {
        OutputPart::Text(text) => format!("text {text}"),
        OutputPart::Thinking { text, signature } => {
            format!("thinking {text} {}", signature.as_deref().unwrap_or("-"))
        }
        OutputPart::RedactedThinking(_) => "redacted".to_owned(),
        OutputPart::ToolCall { id, name, arguments, signature } => {
            format!("call {id} {name} {arguments} {}", signature.as_deref().unwrap_or("-"))
        }
    });
    (parts.collect(), facts)
}

#[test]
fn an_answer_is_read_with_its_calls_its_reasoning_and_its_usage() {
    let (parts, facts) = decoded(
        r#"{"candidates":[{"content":{"parts":[
            {"text":"hm","thought":true},{"text":"so"},
            {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"},
            {"functionCall":{"id":"x","name":"g"}},
            {"text":"","thoughtSignature":"bGFzdA=="},
            {"inlineData":{"mimeType":"image/png","data":"A"}}],"role":"model"},
            "finishReason":"STOP","groundingMetadata":{"webSearchQueries":["a","b"]}}],
        "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"thoughtsTokenCount":4},
        "modelVersion":"gemini-3-x","responseId":"r1"}"#,
    );
    assert_eq!(
        parts,
        [
            "thinking hm -",
            "text so",
            "call call_0 f {\"a\":1} c2ln",
            "call x g {} -",
            "thinking  gemini:bGFzdA=="
        ]
    );
    assert_eq!(facts.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(facts.native_finish_reason.as_deref(), Some("STOP"));
    let meters = facts.usage.unwrap().meters;
    let told: Vec<_> = meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect();
    assert_eq!(told, [("input.text", 3), ("output.text", 2), ("reasoning", 4), ("web_search", 2)]);
    assert_eq!((facts.model.as_deref(), facts.id.as_deref()), (Some("gemini-3-x"), Some("r1")));
}

#[test]
fn a_refused_prompt_is_an_answer_that_says_nothing() {
    let (parts, facts) = decoded(
        r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":3}}"#,
    );
    assert!(parts.is_empty());
    assert_eq!(facts.finish_reason, Some(FinishReason::ContentFilter));
    assert_eq!(facts.native_finish_reason.as_deref(), Some("PROHIBITED_CONTENT"));
    assert!(!facts.is_usage_partial);
}

#[test]
fn errors_and_junk_are_no_answers() {
    let error = |json: &str| decode(json, &mut Facts::default()).unwrap_err();
    assert!(
        matches!(error(r#"{"error":{"code":503,"message":"m"}}"#), ReplyError::Upstream(e) if e.status == 503)
    );
    for junk in ["", "{}", "[]", r#"{"candidates":[]}"#, r#"{"candidates":7}"#] {
        assert!(matches!(error(junk), ReplyError::Garbage(_)), "{junk}");
    }
}
