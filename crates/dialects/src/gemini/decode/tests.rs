//! Requests as the vendor's own libraries write them.

use proptest::prelude::*;

use super::*;
use crate::chat::{Content, Effort, Image, ResponseFormat, Role, ToolChoice};

const FULL: &str = r#"{
    "contents":[{"role":"user","parts":[
        {"text":"look"},
        {"inlineData":{"mimeType":"image/png","data":"AAAA"}},
        {"inline_data":{"mime_type":"application/pdf","data":"BBBB","display_name":"a.pdf"}},
        {"fileData":{"fileUri":"https://x.example/y.png","mimeType":"image/png"}}]}],
    "system_instruction":{"parts":{"text":"be brief"}},
    "tools":[{"functionDeclarations":[
        {"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}},
        {"name":"g","parametersJsonSchema":{"type":"object"}}]}],
    "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["g"]}},
    "generationConfig":{"temperature":0.5,"topP":1,"top_k":40,"maxOutputTokens":"77","stopSequences":["x"],
        "seed":7,"presencePenalty":0.25,"frequencyPenalty":0.0,"responseModalities":["TEXT"],
        "responseMimeType":"application/json","responseSchema":{"type":"ARRAY","items":{"type":"INTEGER"}},
        "thinkingConfig":{"thinkingLevel":"HIGH","includeThoughts":true}},
    "serviceTier":"flex","labels":{"a":"b"},"session_id":"s","safetySettings":[]
}"#;

#[test]
fn a_whole_request_is_read_in_either_spelling() {
    let request = request(FULL).unwrap();
    assert_eq!(request.turns[0].role, Role::System);
    let parts: Vec<_> = request.turns[1].parts.iter().map(|part| &part.content).collect();
    assert!(matches!(parts[0], Content::Text(text) if text == "look"));
    assert!(matches!(parts[1], Content::Image(Image::Data { data, .. }) if data == "AAAA"));
    assert!(matches!(parts[2], Content::Document { title: Some(title), .. } if title == "a.pdf"));
    assert!(matches!(parts[3], Content::Image(Image::Url(url)) if url.ends_with("y.png")));
    let tools: Vec<_> = request.tools.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(tools, ["g"]);
    assert_eq!(request.tool_choice, ToolChoice::Named("g".into()));
    assert_eq!((request.max_output_tokens, request.effort), (Some(77), Some(Effort::High)));
    assert_eq!(request.sampling.stop, ["x"]);
    assert_eq!(request.sampling.top_k.map(RawValue::get), Some("40"));
    let ResponseFormat::JsonSchema(format) = &request.format else { panic!() };
    assert_eq!(format.schema.get(), r#"{"items":{"type":"integer"},"type":"array"}"#);
    let rest: Vec<_> = request.rest.iter().map(|(k, v)| (k.as_ref(), *v)).collect();
    assert_eq!(rest, [("seed", "7"), ("presence_penalty", "0.25"), ("service_tier", "\"flex\"")]);
}

#[test]
fn what_only_the_vendor_has_is_kept_by_name() {
    let request = request(
        r#"{"contents":[{"parts":[
            {"fileData":{"fileUri":"gs://b/x.png"}},{"inlineData":{"mimeType":"audio/wav","data":"A"}},
            {"executableCode":{"code":"1"}},{"codeExecutionResult":{}},{"toolCall":{}}]}],
        "tools":[{"googleSearch":{}},{"codeExecution":{}}],"cachedContent":"cachedContents/1",
        "toolConfig":{"retrievalConfig":{}},"generationConfig":{"speechConfig":{}},
        "safety_settings":[{"category":"c"}]}"#,
    )
    .unwrap();
    let others: Vec<_> = request.turns[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Other(name) => name.as_ref(),
            _ => panic!(),
        })
        .collect();
    assert_eq!(
        others,
        [
            "fileData",
            "inlineData of audio/wav",
            "executableCode",
            "codeExecutionResult",
            "toolCall"
        ]
    );
    let mut rest: Vec<_> = request.rest.iter().map(|(name, _)| name.as_ref()).collect();
    rest.sort_unstable();
    assert_eq!(
        rest,
        [
            "cachedContent",
            "generationConfig.speechConfig",
            "safetySettings",
            "toolConfig.retrievalConfig",
            "tools[0].googleSearch",
            "tools[1].codeExecution"
        ]
    );
}

#[test]
fn a_budget_of_reasoning_is_an_effort() {
    for (config, effort) in [
        (r#"{"thinkingBudget":0}"#, Some(Effort::None)),
        (r#"{"thinking_budget":1024}"#, Some(Effort::Low)),
        (r#"{"thinkingBudget":8000}"#, Some(Effort::Medium)),
        (r#"{"thinkingBudget":24576}"#, Some(Effort::High)),
        (r#"{"thinkingBudget":32768}"#, Some(Effort::Xhigh)),
        (r#"{"thinkingBudget":-1}"#, None),
        (r#"{"thinking_level":"low"}"#, Some(Effort::Low)),
        (r#"{"includeThoughts":true}"#, None),
    ] {
        let body = format!(
            r#"{{"contents":{{"parts":{{"text":"a"}}}},"generationConfig":{{"thinkingConfig":{config}}}}}"#
        );
        assert_eq!(request(&body).unwrap().effort, effort, "{config}");
    }
}

#[test]
fn a_bad_request_names_what_is_wrong() {
    for (body, code, param) in [
        ("{", "invalid_json", None),
        ("[]", "invalid_value", Some("body")),
        ("{}", "missing_required_parameter", Some("contents")),
        (r#"{"contents":[]}"#, "invalid_value", Some("contents")),
        (
            r#"{"contents":[{"parts":[{"inlineData":{}}]}]}"#,
            "missing_required_parameter",
            Some("contents[0].parts[0].inlineData.data"),
        ),
        (
            r#"{"contents":[],"generationConfig":{"maxOutputTokens":"x"}}"#,
            "invalid_value",
            Some("generationConfig.maxOutputTokens"),
        ),
        (
            r#"{"contents":[],"generationConfig":{"thinkingConfig":{"thinkingLevel":"x"}}}"#,
            "invalid_value",
            Some("generationConfig.thinkingConfig.thinkingLevel"),
        ),
        (
            r#"{"contents":[],"tools":[{"functionDeclarations":[{}]}]}"#,
            "missing_required_parameter",
            Some("tools[0].functionDeclarations.name"),
        ),
    ] {
        let error = request(body).unwrap_err();
        assert_eq!((error.code(), error.param()), (code, param), "{body}");
    }
}

#[test]
fn errors_of_encoders_are_told_in_this_dialects_words() {
    for (neutral, own) in [
        ("messages[2].content", "contents[2].parts"),
        ("n", "generationConfig.candidateCount"),
        ("tools[0].googleSearch", "tools[0].googleSearch"),
    ] {
        assert_eq!(param_name(neutral), own);
    }
}

#[test]
fn a_prompt_to_count_may_be_a_whole_request() {
    let contents = r#"{"contents":[{"parts":[{"text":"a"}]}]}"#;
    let whole = format!(r#"{{"generateContentRequest":{{"model":"models/x",{}}}"#, &contents[1..]);
    for body in [contents, &whole] {
        assert_eq!(count(body).unwrap().turns.len(), 1, "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_panics(body in "[{}\\[\\]\",:a-zA-Z_0-9 ]{0,80}") {
        let _ = request(&body);
        let _ = count(&body);
    }
}
