//! A stream of text of every provider's dialect: 500 deltas in chunks of the size sockets give.

use bytes::Bytes;
use events::Dialect;

/// Text deltas in one stream.
const DELTAS: usize = 500;
/// Bytes one read of a socket gives, at most.
const CHUNK_BYTES: usize = 4_096;

/// One streamed answer as a provider sends it.
pub(crate) struct Stream {
    /// The provider's dialect.
    pub(crate) dialect: Dialect,
    /// Its bytes.
    pub(crate) chunks: Vec<Bytes>,
    /// Events in it.
    pub(crate) events: usize,
}

/// One of each dialect.
pub(crate) fn all() -> Vec<Stream> {
    vec![
        text(Dialect::OpenaiChat, OPENAI),
        text(Dialect::AnthropicMessages, ANTHROPIC),
        text(Dialect::OpenaiResponses, RESPONSES),
        text(Dialect::GeminiGenerate, GEMINI),
        bedrock(),
        text(Dialect::CohereChat, COHERE),
    ]
}

/// What comes before the deltas, the delta, and what comes behind them: an event a line, its name (or
/// nothing) before the data.
type Script = (&'static [&'static str], &'static str, &'static [&'static str]);

const OPENAI: Script = (
    &[
        r#" {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}"#,
    ],
    r#" {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-x","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
    &[
        r#" {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-x","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        r#" {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-x","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":500,"total_tokens":509}}"#,
        " [DONE]",
    ],
);
const ANTHROPIC: Script = (
    &[
        r#"message_start {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}"#,
        r#"content_block_start {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    ],
    r#"content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" token"}}"#,
    &[
        r#"content_block_stop {"type":"content_block_stop","index":0}"#,
        r#"message_delta {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":500}}"#,
        r#"message_stop {"type":"message_stop"}"#,
    ],
);
const RESPONSES: Script = (
    &[
        r#"response.created {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1790000000,"status":"in_progress","model":"gpt-x","output":[]}}"#,
        r#"response.output_item.added {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
    ],
    r#"response.output_text.delta {"type":"response.output_text.delta","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" token","logprobs":[],"obfuscation":"aXb9"}"#,
    &[
        r#"response.completed {"type":"response.completed","sequence_number":900,"response":{"id":"resp_1","object":"response","created_at":1790000000,"status":"completed","model":"gpt-x","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"token","annotations":[]}]}],"usage":{"input_tokens":9,"output_tokens":500,"total_tokens":509}}}"#,
    ],
);
const GEMINI: Script = (
    &[],
    r#" {"candidates": [{"content": {"parts": [{"text": " token"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 9,"totalTokenCount": 9,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 9}]},"modelVersion": "gemini-3-x","responseId": "gem_1"}"#,
    &[
        r#" {"candidates": [{"content": {"parts": [{"text": ""}],"role": "model"},"finishReason": "STOP","index": 0}],"usageMetadata": {"promptTokenCount": 9,"candidatesTokenCount": 500,"totalTokenCount": 509},"modelVersion": "gemini-3-x","responseId": "gem_1"}"#,
    ],
);
const BEDROCK: Script = (
    &[r#"messageStart {"p":"abcdefghij","role":"assistant"}"#],
    r#"contentBlockDelta {"contentBlockIndex":0,"delta":{"text":" token"},"p":"abcdefghijklmnop"}"#,
    &[
        r#"contentBlockStop {"contentBlockIndex":0,"p":"abcdef"}"#,
        r#"messageStop {"p":"abcd","stopReason":"end_turn"}"#,
        r#"metadata {"metrics":{"latencyMs":401},"p":"ab","usage":{"inputTokens":9,"outputTokens":500,"totalTokens":509}}"#,
    ],
);
const COHERE: Script = (
    &[
        r#"message-start {"id":"co_1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
        r#"content-start {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
    ],
    r#"content-delta {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" token"}}}}"#,
    &[
        r#"content-end {"type":"content-end","index":0}"#,
        r#"message-end {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":9,"output_tokens":500},"tokens":{"input_tokens":9,"output_tokens":500}}}}"#,
    ],
);

fn lines((before, delta, behind): Script) -> impl Iterator<Item = (&'static str, &'static str)> {
    let deltas = std::iter::repeat_n(&delta, DELTAS).copied().collect::<Vec<_>>();
    let all = before.iter().copied().chain(deltas).chain(behind.iter().copied());
    all.filter_map(|line| line.split_once(' '))
}

fn text(dialect: Dialect, script: Script) -> Stream {
    let mut bytes = String::new();
    let mut events = 0;
    for (name, data) in lines(script) {
        if !name.is_empty() {
            bytes.push_str(&format!("event: {name}\n"));
        }
        bytes.push_str(&format!("data: {data}\n\n"));
        events += 1;
    }
    chunked(dialect, bytes.as_bytes(), events)
}

fn bedrock() -> Stream {
    let mut bytes = Vec::new();
    let mut events = 0;
    for (name, payload) in lines(BEDROCK) {
        frame(&mut bytes, name, payload);
        events += 1;
    }
    chunked(Dialect::BedrockConverse, &bytes, events)
}

fn chunked(dialect: Dialect, bytes: &[u8], events: usize) -> Stream {
    let chunks = bytes.chunks(CHUNK_BYTES).map(Bytes::copy_from_slice).collect();
    Stream { dialect, chunks, events }
}

/// One event as the service frames it.
fn frame(out: &mut Vec<u8>, name: &str, payload: &str) {
    let mut head = Vec::new();
    for (key, value) in [(":event-type", name), (":message-type", "event")] {
        head.push(u8::try_from(key.len()).unwrap_or(0));
        head.extend_from_slice(key.as_bytes());
        head.push(7);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let start = out.len();
    out.extend_from_slice(&length(16 + head.len() + payload.len()));
    out.extend_from_slice(&length(head.len()));
    out.extend_from_slice(&checksum(&out[start..]).to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&checksum(&out[start..]).to_be_bytes());
}

/// CRC-32 as zlib computes it, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let shift = |rest: u32| (rest >> 1) ^ if rest & 1 == 1 { 0xEDB8_8320 } else { 0 };
    let fold = |sum, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |rest, _| shift(rest));
    !bytes.iter().fold(!0, fold)
}
