//! Requests and answers that pass, and the few bytes of them that change.

use events::Dialect;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn rewritten(body: &str, limit: Option<u64>) -> (String, Option<u64>) {
    let dialect = Dialect::GeminiGenerate;
    let target = Target { dialect, model: "m", max_output_tokens: limit, drop_params: false };
    let encoded = request(&Bytes::copy_from_slice(body.as_bytes()), &target).unwrap();
    (String::from_utf8(encoded.body.whole().to_vec()).unwrap(), encoded.max_output_tokens)
}

#[test]
fn only_the_limit_and_the_gateways_own_members_change() {
    for (before, limit, after, told) in [
        (r#"{ "contents":[ {"x":1.0} ] }"#, None, r#"{ "contents":[ {"x":1.0} ] }"#, None),
        (
            r#"{"contents":[]}"#,
            Some(9),
            r#"{"contents":[],"generationConfig":{"maxOutputTokens":9}}"#,
            Some(9),
        ),
        (
            r#"{"generation_config":{"max_output_tokens": 70, "new":[1]},"contents":[]}"#,
            Some(9),
            r#"{"generation_config":{"max_output_tokens": 9, "new":[1]},"contents":[]}"#,
            Some(9),
        ),
        (
            r#"{"generationConfig":{"temperature":1},"contents":[]}"#,
            Some(9),
            r#"{"generationConfig":{"temperature":1,"maxOutputTokens":9},"contents":[]}"#,
            Some(9),
        ),
        (
            r#"{"generationConfig":{"maxOutputTokens":"5"},"contents":[]}"#,
            Some(9),
            r#"{"generationConfig":{"maxOutputTokens":"5"},"contents":[]}"#,
            Some(5),
        ),
        (
            r#"{"generationConfig":null,"contents":[],"session_id":"s","tollgate":{}}"#,
            Some(9),
            r#"{"contents":[],"generationConfig":{"maxOutputTokens":9}}"#,
            Some(9),
        ),
        (r#"{"cache":1,"contents":[]}"#, None, r#"{"contents":[]}"#, None),
    ] {
        assert_eq!(rewritten(before, limit), (after.to_owned(), told), "{before}");
    }
}

#[test]
fn a_request_and_an_answer_that_need_no_change_are_the_bytes_themselves() {
    let body = Bytes::from_static(br#"{ "contents":[] }"#);
    let dialect = Dialect::GeminiGenerate;
    let target = Target { dialect, model: "m", max_output_tokens: None, drop_params: false };
    assert_eq!(request(&body, &target).unwrap().body.pieces()[0].as_ptr(), body.as_ptr());
    let answer = Bytes::from_static(
        br#"{"candidates":[{"finishReason":"STOP","new":1.0}],"usageMetadata":{"promptTokenCount":3},"modelVersion":"gemini-x"}"#,
    );
    let native = reply(&answer, &ReplyContext::unpriced()).unwrap();
    assert_eq!(native.body.as_ptr(), answer.as_ptr());
    assert_eq!(native.facts.usage.unwrap().meters.input_tokens(), 3);
    let context = ReplyContext { model_shown: Some("fast".into()), ..ReplyContext::unpriced() };
    let shown = reply(&answer, &context).unwrap();
    let text = String::from_utf8(answer.to_vec()).unwrap();
    assert_eq!(shown.body, text.replace("gemini-x", "fast"));
}

proptest! {
    #[test]
    fn unknown_members_survive(value in "[a-z0-9 ]{0,20}", limit in prop::option::of(1_u64..99)) {
        let body = format!(r#"{{"contents":[{{"parts":[{{"new":"{value}"}}]}}],"unheard":{{"of":"{value}"}}}}"#);
        let (out, _) = rewritten(&body, limit);
        let (before, after): (Value, Value) =
            (serde_json::from_str(&body).unwrap(), serde_json::from_str(&out).unwrap());
        for key in ["contents", "unheard"] {
            prop_assert_eq!(&after[key], &before[key]);
        }
    }

    #[test]
    fn no_body_panics(body in "[{}\\[\\]\",:a-zA-Z_0-9 ]{0,60}") {
        let dialect = Dialect::GeminiGenerate;
        let target = Target { dialect, model: "m", max_output_tokens: Some(1), drop_params: true };
        let body = Bytes::from(body);
        let _ = request(&body, &target);
        let _ = reply(&body, &ReplyContext::unpriced());
    }
}
