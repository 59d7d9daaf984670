//! The stream transformer: bytes per second through the native pass and through a translation, in
//! chunks of the size sockets give.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use dialects::{ReplyContext, StreamTranscoder};
use events::Dialect;
use units::Usd;

/// Text deltas in one stream.
const DELTAS: usize = 500;
/// Bytes one read of a socket gives, at most.
const CHUNK_BYTES: usize = 4_096;

fn openai_stream() -> String {
    let delta = concat!(
        r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"#,
        r#""model":"gpt-x","choices":[{"index":0,"delta":{"content":" token"},"#,
        r#""logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n"
    );
    let end = concat!(
        r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"#,
        r#""model":"gpt-x","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":500,"#,
        r#""total_tokens":509}}"#,
        "\n\ndata: [DONE]\n\n"
    );
    delta.repeat(DELTAS) + end
}

fn anthropic_stream() -> String {
    let start = concat!(
        r#"data: {"type":"message_start","message":{"id":"msg_1","model":"claude-x","#,
        r#""usage":{"input_tokens":9,"output_tokens":1}}}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        "\n\n"
    );
    let delta = concat!(
        "event: content_block_delta\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" token"}}"#,
        "\n\n"
    );
    let end = concat!(
        r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"#,
        r#""usage":{"output_tokens":500}}"#,
        "\n\n",
        r#"data: {"type":"message_stop"}"#,
        "\n\n"
    );
    start.to_owned() + &delta.repeat(DELTAS) + end
}

fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream");
    for (name, dialect, text) in [
        ("native", Dialect::OpenaiChat, openai_stream()),
        ("translated", Dialect::AnthropicMessages, anthropic_stream()),
    ] {
        let chunks: Vec<Bytes> =
            text.as_bytes().chunks(CHUNK_BYTES).map(Bytes::copy_from_slice).collect();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                let context = ReplyContext {
                    cost: Arc::new(|_| Some(Usd::from_pico(1))),
                    ..ReplyContext::unpriced()
                };
                let mut transcoder = StreamTranscoder::new(dialect, Dialect::OpenaiChat, context);
                for chunk in &chunks {
                    black_box(transcoder.push(chunk).ok());
                }
                black_box(transcoder.finish().ok())
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    stream(&mut criterion);
    criterion.final_summary();
}
