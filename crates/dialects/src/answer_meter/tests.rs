use proptest::prelude::*;

use super::*;

/// Path asked, media type, provider's dialect, answer, meters.
type Case = (&'static str, &'static str, Dialect, &'static str, &'static [(&'static str, u64)]);

const JSON: &str = "application/json; charset=utf-8";
const EVENTS: &str = "text/event-stream";

const CASES: &[Case] = &[
    (
        "/v1/chat/completions",
        JSON,
        Dialect::OpenaiChat,
        r#"{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}],"usage":{"prompt_tokens":12,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":5}}}"#,
        &[("input.text", 7), ("cache_read.text", 5), ("output.text", 4)],
    ),
    (
        "/v1/responses",
        JSON,
        Dialect::OpenaiChat,
        r#"{"output":[],"usage":{"input_tokens":20,"input_tokens_details":{"cached_tokens":15},"output_tokens":3}}"#,
        &[("input.text", 5), ("cache_read.text", 15), ("output.text", 3)],
    ),
    (
        "/v1/messages",
        JSON,
        Dialect::AnthropicMessages,
        r#"{"content":[],"usage":{"input_tokens":4,"output_tokens":2}}"#,
        &[("input.text", 4), ("output.text", 2)],
    ),
    (
        "/v1beta/models/g:generateContent",
        JSON,
        Dialect::GeminiGenerate,
        r#"[{"usageMetadata":{"promptTokenCount":1}},{"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":4}}]"#,
        &[("input.text", 12), ("output.text", 4)],
    ),
    (
        "/model/m/converse",
        JSON,
        Dialect::BedrockConverse,
        r#"{"usage":{"inputTokens":433,"outputTokens":16,"cacheReadInputTokens":2752}}"#,
        &[("input.text", 433), ("cache_read.text", 2752), ("output.text", 16)],
    ),
    (
        "/v2/chat",
        JSON,
        Dialect::CohereChat,
        r#"{"usage":{"billed_units":{"input_tokens":41,"output_tokens":28},"tokens":{"input_tokens":1442}}}"#,
        &[("input.text", 41), ("output.text", 28)],
    ),
    (
        "/v1/images/generations",
        JSON,
        Dialect::OpenaiChat,
        r#"{"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens":60,"total_tokens":110}}"#,
        &[("input.text", 10), ("input.image", 40), ("output.image", 60)],
    ),
    (
        "/v1/images/generations",
        JSON,
        Dialect::OpenaiChat,
        r#"{"created":1,"data":[{"url":"x"},{"url":"y"}]}"#,
        &[("images", 2)],
    ),
    (
        "/v1/audio/transcriptions",
        JSON,
        Dialect::OpenaiChat,
        r#"{"text":"hi","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":5,"total_tokens":19}}"#,
        &[("input.text", 4), ("input.audio", 10), ("output.text", 5)],
    ),
    (
        "/v1/audio/transcriptions",
        JSON,
        Dialect::OpenaiChat,
        r#"{"text":"hi","duration":99.5,"usage":{"type":"duration","seconds":9}}"#,
        &[("audio_seconds", 9)],
    ),
    (
        "/v1/audio/translations",
        JSON,
        Dialect::OpenaiChat,
        r#"{"text":"hi","duration":8.2}"#,
        &[("audio_seconds", 9)],
    ),
    ("/v1/files/f", JSON, Dialect::OpenaiChat, r#"{"id":"f","duration":8}"#, &[]),
    (
        "/v1/files/f/content",
        "application/jsonl",
        Dialect::OpenaiChat,
        r#"{"usage":{"prompt_tokens":1}}"#,
        &[],
    ),
    (
        "/v1/messages",
        EVENTS,
        Dialect::AnthropicMessages,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\",\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":9,\"cache_creation\":{\"ephemeral_1h_input_tokens\":9},\"output_tokens\":1}}}\n\n\
         data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":8,\"output_tokens\":32}}\n\n",
        &[("input.text", 8), ("cache_write.1h", 9), ("output.text", 32)],
    ),
    (
        "/v1/responses",
        EVENTS,
        Dialect::OpenaiChat,
        "data: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\r\n\r\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\r\n\r\n",
        &[("input.text", 3), ("output.text", 2)],
    ),
    (
        "/v1/audio/transcriptions",
        EVENTS,
        Dialect::OpenaiChat,
        "data: {\"type\":\"transcript.text.done\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":3,\"output_tokens\":2}}\n\n",
        &[("input.text", 3), ("output.text", 2)],
    ),
    (
        "/v1/images/generations",
        EVENTS,
        Dialect::OpenaiChat,
        "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA\",\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}\n\n",
        &[("input.text", 3), ("output.image", 2)],
    ),
];

fn read(case: &Case, pieces: &[&[u8]]) -> AnswerMeter {
    let mut meter = AnswerMeter::new(case.2, OpenaiOperation::of_path(case.0), case.1);
    pieces.iter().for_each(|piece| meter.push(&Bytes::copy_from_slice(piece)));
    meter
}

fn told(meter: &AnswerMeter) -> Vec<(&'static str, u64)> {
    let usage = meter.facts().usage.unwrap_or_default();
    usage.meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect()
}

#[test]
fn usage_is_read_beside_answers_of_every_dialect_and_operation() {
    for case in CASES {
        let meter = read(case, &[case.3.as_bytes()]);
        assert_eq!(told(&meter), case.4, "{} {}", case.0, case.3);
        assert_eq!(meter.facts().usage.is_some(), !case.4.is_empty(), "{}", case.3);
        assert!(!meter.facts().is_usage_partial, "{}", case.3);
    }
}

#[test]
fn any_split_of_an_answer_tells_the_same() {
    for case in CASES {
        let bytes = case.3.as_bytes();
        for cut in 0..bytes.len() {
            let meter = read(case, &[&bytes[..cut], &bytes[cut..]]);
            assert_eq!(told(&meter), case.4, "{} cut at {cut}", case.3);
        }
    }
}

#[test]
fn the_start_of_a_stream_is_only_a_part_of_its_usage() {
    let start = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"c\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n";
    let case: Case = ("/v1/messages", EVENTS, Dialect::AnthropicMessages, start, &[]);
    let meter = read(&case, &[start.as_bytes()]);
    let facts = meter.facts();
    assert!(facts.is_usage_partial && !meter.is_done());
    assert_eq!((facts.model.as_deref(), facts.id.as_deref()), (Some("c"), Some("msg_1")));
}

#[test]
fn a_stream_says_when_it_is_complete() {
    for end in ["data: [DONE]\n\n", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"] {
        let case: Case = ("/v1/x", EVENTS, Dialect::OpenaiChat, end, &[]);
        assert!(read(&case, &[end.as_bytes()]).is_done(), "{end}");
    }
}

proptest! {
    #[test]
    fn no_answer_panics(text in "(data: |\n\n|[{}\\[\\]\",:a-z0-9_. \\\\]|\"usage\":){0,40}") {
        for (kind, dialect) in [
            (JSON, Dialect::OpenaiChat),
            (EVENTS, Dialect::AnthropicMessages),
            ("application/vnd.amazon.eventstream", Dialect::BedrockConverse),
        ] {
            let mut meter = AnswerMeter::new(dialect, Some(OpenaiOperation::Transcriptions), kind);
            meter.push(&Bytes::from(text.clone()));
            let _ = meter.facts();
        }
    }
}

#[test]
fn an_error_in_a_stream_is_told_and_whether_anything_came_before_it() {
    for (events, status, has_begun) in [
        ("data: {\"error\":{\"message\":\"m\",\"type\":\"rate_limit_error\"}}\n\n", 429, false),
        (
            ": hello\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n",
            503,
            false,
        ),
        (
            "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"param\":null}\n\n",
            500,
            false,
        ),
        (
            "data: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}}\n\n",
            429,
            true,
        ),
        (
            "data: {\"choices\":[]}\n\ndata: {\"error\":\"m\"}\n\ndata: {\"error\":{\"code\":400}}\n\n",
            500,
            true,
        ),
    ] {
        for size in [1, 7, events.len()] {
            let mut meter = AnswerMeter::new(Dialect::OpenaiChat, None, EVENTS);
            for chunk in events.as_bytes().chunks(size) {
                meter.push(&Bytes::copy_from_slice(chunk));
            }
            let told = meter.failed().map(|error| error.status);
            assert_eq!((told, meter.has_begun()), (Some(status), has_begun), "{events}");
        }
    }
    let mut meter = AnswerMeter::new(Dialect::OpenaiChat, None, EVENTS);
    meter.push(&Bytes::from_static(b"data: {\"usage\":{\"prompt_tokens\":1},\"error\":null}\n\n"));
    assert_eq!((meter.failed(), meter.has_begun()), (None, true));
}

#[test]
fn what_an_unfinished_event_holds_can_be_counted_and_let_go() {
    let mut meter = AnswerMeter::new(Dialect::OpenaiChat, None, EVENTS);
    meter.push(&Bytes::from_static(b"data: {\"model\":\"m\",\"usage\":{\"prompt_tokens\":1}}\n\n"));
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    for pieces in 1..=4 {
        meter.push(&piece);
        assert!(meter.held_bytes() >= pieces << 20);
    }
    assert!(meter.facts().usage.is_some());
    meter.stop();
    assert_eq!((meter.held_bytes(), meter.facts().usage), (0, None));
    assert_eq!(meter.facts().model.as_deref(), Some("m"));
}
