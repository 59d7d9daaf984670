use super::*;

fn told(json: &str) -> (Vec<String>, Facts) {
    let mut facts = Facts::default();
    let reply = decode(json, &mut facts).unwrap();
    (reply.parts.iter().map(|part| format!("{part:?}")).collect(), facts)
}

#[test]
fn an_answer_is_read_whole() {
    let (parts, facts) = told(
        r#"{"metrics":{"latencyMs":1},"output":{"message":{"role":"assistant","content":[
            {"reasoningContent":{"reasoningText":{"text":"hm","signature":"c2ln"}}},
            {"reasoningContent":{"redactedContent":"RXRr"}},
            {"text":"Hi"},
            {"citationsContent":{"content":[{"text":" cited"}],"citations":[{"title":"t"}]}},
            {"toolUse":{"toolUseId":"s1","name":"own","input":{"x":1},"type":"server_tool_use"}},
            {"toolResult":{"toolUseId":"s1","content":[{"json":{"text":7}}],"status":"success"}},
            {"toolUse":{"toolUseId":"t1","name":"f","input":{"a": 1},"type":"tool_use"}},
            {"novelty":{"text":"x"}}]}},
        "stopReason":"tool_use","serviceTier":{"type":"priority"},
        "trace":{"promptRouter":{"invokedModelId":"arn:x"}},
        "usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15}}"#,
    );
    assert_eq!(
        parts,
        [
            r#"Thinking { text: "hm", signature: Some("c2ln") }"#,
            r#"RedactedThinking("Etk")"#,
            r#"Text("Hi")"#,
            r#"Text(" cited")"#,
            r#"ToolCall { id: "t1", name: "f", arguments: "{\"a\": 1}", signature: None }"#,
        ]
    );
    assert_eq!(facts.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(facts.native_finish_reason.as_deref(), Some("tool_use"));
    assert_eq!(facts.model.as_deref(), Some("arn:x"));
    let usage = facts.usage.unwrap();
    assert_eq!((usage.meters.input_tokens(), usage.meters.output_tokens()), (10, 5));
    assert_eq!(usage.service_tier.as_deref(), Some("priority"));
}

#[test]
fn every_stop_reason_has_its_neutral_word() {
    for (native, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("content_filtered", FinishReason::ContentFilter),
        ("malformed_model_output", FinishReason::Error),
        ("malformed_tool_use", FinishReason::Error),
    ] {
        let mut facts = Facts::default();
        note_stop(&mut facts, native);
        assert_eq!(facts.finish_reason, Some(reason), "{native}");
    }
}

#[test]
fn junk_is_no_answer() {
    for junk in ["", "{}", "[]", "<html>", r#"{"output":5}"#, r#"{"message":"no"}"#] {
        let error = decode(junk, &mut Facts::default());
        assert!(matches!(error, Err(ReplyError::Garbage(_))), "{junk}");
    }
}
