use super::*;
use proptest::prelude::*;

/// Usage as told, meters.
type Case = (&'static str, &'static [(&'static str, u64)]);

const CASES: &[Case] = &[
    (
        r#"{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,"audio_tokens":13,"image_tokens":0,"cached_tokens":64,"cached_tokens_details":{"text_tokens":64,"audio_tokens":0,"image_tokens":0}},"output_token_details":{"text_tokens":30,"audio_tokens":91}}"#,
        &[
            ("input.text", 55),
            ("input.audio", 13),
            ("cache_read.text", 64),
            ("output.text", 30),
            ("output.audio", 91),
        ],
    ),
    (
        r#"{"input_tokens":300,"output_tokens":5,"input_token_details":{"text_tokens":100,"audio_tokens":150,"image_tokens":50,"cached_tokens":120,"cached_tokens_details":{"text_tokens":20,"audio_tokens":90,"image_tokens":10}},"output_token_details":{"text_tokens":5}}"#,
        &[
            ("input.text", 80),
            ("input.audio", 60),
            ("input.image", 40),
            ("cache_read.text", 20),
            ("cache_read.audio", 90),
            ("cache_read.image", 10),
            ("output.text", 5),
        ],
    ),
    // The kind of what is cached is not told: text begins a conversation.
    (
        r#"{"input_tokens":100,"output_tokens":0,"input_token_details":{"text_tokens":40,"audio_tokens":60,"cached_tokens":50}}"#,
        &[("input.audio", 50), ("cache_read.text", 40), ("cache_read.audio", 10)],
    ),
    (r#"{"input_tokens":9,"output_tokens":3}"#, &[("input.text", 9), ("output.text", 3)]),
    (r#"{"input_tokens":null,"output_tokens":"x","input_token_details":[]}"#, &[]),
];

#[test]
fn usage_of_a_response_is_told_apart_by_kind_and_by_cache() {
    for (json, expected) in CASES {
        let meters = usage::read(json).unwrap().meters;
        let meters: Vec<_> = meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect();
        let mut expected = expected.to_vec();
        let order = |name: &str| Meter::ALL.iter().position(|meter| meter.as_str() == name);
        expected.sort_by_key(|(name, _)| order(name));
        assert_eq!(meters, expected, "{json}");
    }
}

#[test]
fn events_of_the_provider_are_told_apart() {
    let read = read_realtime_server_event;
    let limit = |json| match read(json) {
        RealtimeServerEvent::Session { max_output_tokens, .. } => max_output_tokens,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(r#"{"type":"session.created","session":{"max_output_tokens":"inf"}}"#), None);
    assert_eq!(limit(r#"{"type":"session.updated","session":{"max_output_tokens":90}}"#), Some(90));
    assert_eq!(read(r#"{"type":"response.created","response":{}}"#), RealtimeServerEvent::Began);
    assert_eq!(read(r#"{"type":"error","error":{}}"#), RealtimeServerEvent::Refused);
    assert_eq!(read(r#"{"type":"rate_limits.updated"}"#), RealtimeServerEvent::Other);
    assert_eq!(read("no event"), RealtimeServerEvent::Other);
    let text = read(r#"{"type":"response.output_text.delta","delta":"eight by"}"#);
    assert_eq!(
        text,
        RealtimeServerEvent::Output(Box::new(Meters::NONE.with(Meter::OutputText, 2)))
    );
    let audio =
        format!(r#"{{"type":"response.output_audio.delta","delta":"{}"}}"#, "A".repeat(64_000));
    let spoken = Meters::NONE.with(Meter::OutputAudio, 20);
    assert_eq!(read(&audio), RealtimeServerEvent::Output(Box::new(spoken)));
}

#[test]
fn the_end_of_a_response_tells_why_and_what_it_used() {
    for (status, reason) in [
        (r#""status":"completed""#, Some(FinishReason::Stop)),
        (
            r#""status":"completed","output":[{"type":"function_call"}]"#,
            Some(FinishReason::ToolCalls),
        ),
        (
            r#""status":"incomplete","status_details":{"reason":"max_output_tokens"}"#,
            Some(FinishReason::Length),
        ),
        (r#""status":"failed""#, Some(FinishReason::Error)),
        (r#""status":"cancelled","status_details":{"reason":"turn_detected"}"#, None),
    ] {
        let json = format!(
            r#"{{"type":"response.done","response":{{"id":"resp_1",{status},"usage":{{"input_tokens":7,"output_tokens":2}}}}}}"#
        );
        let RealtimeServerEvent::Done(done) = read_realtime_server_event(&json) else {
            panic!("{json}")
        };
        assert_eq!((done.id.as_deref(), done.finish_reason), (Some("resp_1"), reason));
        assert_eq!(done.usage.unwrap().meters.input_tokens(), 7);
    }
    let untold = r#"{"type":"response.done","response":{"id":"r","status":"failed","usage":null}}"#;
    let RealtimeServerEvent::Done(done) = read_realtime_server_event(untold) else { panic!() };
    assert_eq!(done.usage, None);
}

#[test]
fn events_of_the_client_are_known_by_what_they_lead_to() {
    for (json, effect, limit, is_open_ended) in [
        (r#"{"type":"response.create"}"#, RealtimeEffect::Response, None, false),
        (
            r#"{"type":"response.create","response":{"max_output_tokens":5}}"#,
            RealtimeEffect::Response,
            Some(5),
            false,
        ),
        (
            r#"{"type":"session.update","session":{"max_output_tokens":"inf","tools":[{"type":"mcp"}]}}"#,
            RealtimeEffect::Quiet,
            Some(u64::MAX),
            true,
        ),
        (
            r#"{"type":"session.update","session":{"prompt":{"id":"pmpt_1"}}}"#,
            RealtimeEffect::Quiet,
            None,
            true,
        ),
        (
            r#"{"type":"input_audio_buffer.append","audio":"AA"}"#,
            RealtimeEffect::Audio,
            None,
            false,
        ),
        (r#"{"type":"conversation.item.create","item":{}}"#, RealtimeEffect::Quiet, None, false),
        (r#"{"type":"something.new"}"#, RealtimeEffect::Unknown, None, false),
        ("no event", RealtimeEffect::Unknown, None, false),
    ] {
        let event = read_realtime_client_event(json);
        assert_eq!(
            (event.effect, event.max_output_tokens, event.is_open_ended),
            (effect, limit, is_open_ended),
            "{json}"
        );
    }
}

#[test]
fn an_error_is_told_as_the_provider_tells_one() {
    let body = crate::ErrorBody {
        kind: "budget_exceeded".to_owned(),
        code: Some("budget_exceeded".to_owned()),
        message: "no room".to_owned(),
        param: None,
        metadata: Some(serde_json::json!({"budget": "b"})),
        request_id: None,
    };
    let told: serde_json::Value =
        serde_json::from_str(&encode_realtime_error(&body, "event_1")).unwrap();
    assert_eq!(
        (told["type"].as_str(), told["event_id"].as_str()),
        (Some("error"), Some("event_1"))
    );
    assert_eq!(told["error"]["code"], "budget_exceeded");
    assert_eq!(told["error"]["metadata"]["budget"], "b");
}

proptest! {
    #[test]
    fn meters_never_add_up_to_more_than_what_was_told(input in 0_u64..500, output in 0_u64..500, parts in prop::collection::vec(0_u64..300, 9)) {
        let json = format!(
            r#"{{"input_tokens":{input},"output_tokens":{output},"input_token_details":{{"text_tokens":{},"audio_tokens":{},"image_tokens":{},"cached_tokens":{},"cached_tokens_details":{{"text_tokens":{},"audio_tokens":{},"image_tokens":{}}}}},"output_token_details":{{"text_tokens":{},"audio_tokens":{}}}}}"#,
            parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6], parts[7], parts[8]
        );
        let meters = usage::read(&json).unwrap().meters;
        prop_assert_eq!(meters.input_tokens(), input.max(parts[0] + parts[1] + parts[2]));
        prop_assert_eq!(meters.output_tokens(), output);
    }

    #[test]
    fn no_text_panics(json in "[{}\\[\\]\",:a-z_.0-9 ]{0,80}") {
        let _ = (read_realtime_server_event(&json), read_realtime_client_event(&json));
    }
}

#[test]
fn what_is_written_down_of_what_was_heard_is_told_with_its_model_and_usage() {
    let read = read_realtime_server_event;
    let model =
        |session: &str| match read(&format!(r#"{{"type":"session.updated","session":{session}}}"#))
        {
            RealtimeServerEvent::Session { transcription, .. } => transcription,
            other => panic!("{other:?}"),
        };
    let current = r#"{"audio":{"input":{"transcription":{"model":"gpt-4o-transcribe"}}}}"#;
    assert_eq!(model(current).as_deref(), Some("gpt-4o-transcribe"));
    let before = r#"{"input_audio_transcription":{"model":"whisper-1"}}"#;
    assert_eq!(model(before).as_deref(), Some("whisper-1"));
    assert_eq!(model(r#"{"audio":{"input":{"transcription":null}}}"#), None);
    assert_eq!(read(r#"{"type":"input_audio_buffer.committed"}"#), RealtimeServerEvent::Committed);
    let written = |usage: &str| {
        let kind = "conversation.item.input_audio_transcription.completed";
        match read(&format!(r#"{{"type":"{kind}","transcript":"x","usage":{usage}}}"#)) {
            RealtimeServerEvent::Transcribed(usage) => usage.map(|usage| usage.meters),
            other => panic!("{other:?}"),
        }
    };
    let tokens = r#"{"type":"tokens","total_tokens":22,"input_tokens":13,"input_token_details":{"text_tokens":3,"audio_tokens":10},"output_tokens":9}"#;
    let by_token = Meters::NONE
        .with(Meter::InputText, 3)
        .with(Meter::InputAudio, 10)
        .with(Meter::OutputText, 9);
    assert_eq!(written(tokens), Some(by_token));
    let by_second = Meters::NONE.with(Meter::AudioSeconds, 3);
    assert_eq!(written(r#"{"type":"duration","seconds":2.1}"#), Some(by_second));
    assert_eq!(written("null"), None);
    let failed = r#"{"type":"conversation.item.input_audio_transcription.failed","error":{}}"#;
    assert_eq!(read(failed), RealtimeServerEvent::Transcribed(None));
}
