//! One function a decoder, for any bytes at all: the property tests of this crate and the fuzz targets
//! in `tests/fuzz` run the same ones.
//!
//! Each holds what is true of every input: nothing panics, what comes out is JSON and not much larger
//! than what went in, an error is told as one, and a stream means the same however it is cut.

use bytes::Bytes;
use dialects::{
    ErrorBody, EventArray, Facts, PathModel, ReplyContext, StreamError, StreamTranscoder, Target,
    UsageDialect, VectorFormat, Verb, decode_count, decode_embed_request, decode_error,
    encode_count_request, encode_embed_reply, encode_embeddings, encode_error, encode_request_at,
    encode_rerank, encode_stream_error, error_type, estimate_count, estimate_input_tokens, peek_at,
    peek_embeddings, peek_rerank, read_usage, read_vectors, transcode_embeddings, transcode_reply,
    transcode_rerank,
};
use events::Dialect;
use serde::de::IgnoredAny;

/// The dialects clients speak.
pub(crate) const CLIENTS: [Dialect; 4] = [
    Dialect::OpenaiChat,
    Dialect::AnthropicMessages,
    Dialect::OpenaiResponses,
    Dialect::GeminiGenerate,
];

/// The dialects providers speak.
pub(crate) const PROVIDERS: [Dialect; 6] = [
    Dialect::OpenaiChat,
    Dialect::AnthropicMessages,
    Dialect::OpenaiResponses,
    Dialect::GeminiGenerate,
    Dialect::BedrockConverse,
    Dialect::CohereChat,
];

/// A decoder under test.
type Body = fn(&[u8]);

/// Every body, by the name of its fuzz target and its folder in the corpus.
pub(crate) const TARGETS: [(&str, Body); 22] = [
    ("request_openai", |data| request(Dialect::OpenaiChat, data)),
    ("request_anthropic", |data| request(Dialect::AnthropicMessages, data)),
    ("request_responses", |data| request(Dialect::OpenaiResponses, data)),
    ("request_gemini", |data| request(Dialect::GeminiGenerate, data)),
    ("reply_openai", |data| reply(Dialect::OpenaiChat, data)),
    ("reply_anthropic", |data| reply(Dialect::AnthropicMessages, data)),
    ("reply_responses", |data| reply(Dialect::OpenaiResponses, data)),
    ("reply_gemini", |data| reply(Dialect::GeminiGenerate, data)),
    ("reply_bedrock", |data| reply(Dialect::BedrockConverse, data)),
    ("reply_cohere", |data| reply(Dialect::CohereChat, data)),
    ("stream_openai", |data| stream(Dialect::OpenaiChat, data)),
    ("stream_anthropic", |data| stream(Dialect::AnthropicMessages, data)),
    ("stream_responses", |data| stream(Dialect::OpenaiResponses, data)),
    ("stream_gemini", |data| stream(Dialect::GeminiGenerate, data)),
    ("stream_bedrock", |data| stream(Dialect::BedrockConverse, data)),
    ("stream_cohere", |data| stream(Dialect::CohereChat, data)),
    ("events_bedrock", events_bedrock),
    ("embeddings", embeddings),
    ("rerank", rerank),
    ("path", path),
    ("error", error),
    ("usage", usage),
];

/// Bytes out for one byte in: the smallest step of a stream is a dozen bytes, and becomes an event that
/// repeats the id and the name of the model, which are kept to 512 bytes each.
const GROWTH_MAX: usize = 1_024;
/// Bytes out whatever went in.
const ALLOWANCE: usize = 64 << 10;

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn assert_small(out: usize, data: &[u8]) {
    assert!(out <= data.len() * GROWTH_MAX + ALLOWANCE, "{out} bytes from {}", data.len());
}

/// A client's request to every provider, refused or carried.
fn request(from: Dialect, data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let at = (from == Dialect::GeminiGenerate)
        .then(|| PathModel::parse("/v1beta/models/m:streamGenerateContent", Some("alt=sse")))
        .flatten();
    if let Some(at) = &at {
        assert!(peek_at(from, at, data).map_or(true, |peek| peek.model == "m" && peek.stream));
    } else {
        assert!(dialects::peek(from, data).map_or(true, |peek| !peek.model.is_empty()));
    }
    for to in PROVIDERS {
        for drop_params in [false, true] {
            let target =
                Target { dialect: to, model: "m-1", max_output_tokens: Some(4_096), drop_params };
            match encode_request_at(from, at.as_ref(), &body, &target) {
                Ok(encoded) => {
                    assert!(is_json(&encoded.body.whole()), "{from} to {to}");
                    assert_small(encoded.body.len(), data);
                    assert!(encoded.max_output_tokens.is_some_and(|limit| limit <= 4_096));
                    let mut names = encoded.dropped.clone();
                    names.sort_unstable();
                    names.dedup();
                    assert_eq!(names.len(), encoded.dropped.len(), "each is named once");
                }
                Err(error) => assert_small(error.to_string().len() + error.code().len(), data),
            }
        }
    }
    let native =
        Target { dialect: from, model: "m-1", max_output_tokens: None, drop_params: false };
    let _ = encode_count_request(&body, &native).map(|told| assert!(is_json(&told.body.whole())));
    let _ = (estimate_count(from, data), estimate_input_tokens(from, data));
}

/// A provider's plain answer to every client.
fn reply(from: Dialect, data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    for to in CLIENTS {
        match transcode_reply(from, to, &body, &ReplyContext::unpriced()) {
            Ok(reply) => {
                assert!(is_json(&reply.body), "{from} to {to}");
                assert_small(reply.body.len(), data);
                billed(&reply.facts);
            }
            Err(error) => assert_small(error.to_string().len(), data),
        }
    }
    let _ = decode_count(from, data);
}

/// A usage can be billed whatever it is made of.
fn billed(facts: &Facts) {
    let (usage, _) = facts.usage_to_bill(1);
    let _ = (usage.meters.input_tokens(), usage.meters.output_tokens());
}

/// What a stream became: bytes for the client, the error it ended in, what was learnt.
pub(crate) type Told = (Vec<u8>, Option<StreamError>, Facts);

/// Feeds a stream piece by piece.
pub(crate) fn told<'a>(
    (from, to): (Dialect, Dialect),
    context: &ReplyContext,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Told {
    let mut transcoder = StreamTranscoder::new(from, to, context.clone());
    let mut out = Vec::new();
    for piece in pieces {
        match transcoder.push(&Bytes::copy_from_slice(piece)) {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(error) => return (out, Some(error), transcoder.facts().clone()),
        }
    }
    let end = transcoder.finish();
    let error = end.map(|bytes| out.extend_from_slice(&bytes)).err();
    (out, error, transcoder.facts().clone())
}

/// The bytes cut where they themselves say.
fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = data;
    while let Some(first) = rest.first() {
        let (piece, after) = rest.split_at((1 + usize::from(*first) % 40).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The data of each event of a stream, its lines joined.
pub(crate) fn events_of(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream);
    let mut events = vec![String::new()];
    for line in text.lines() {
        let Some(last) = events.last_mut() else { break };
        match line.strip_prefix("data:") {
            Some(data) => last.push_str(data),
            None if line.is_empty() && !last.is_empty() => events.push(String::new()),
            None => {}
        }
    }
    events.retain(|event| !event.is_empty());
    events
}

/// A provider's stream to every client, whole and cut.
fn stream(from: Dialect, data: &[u8]) {
    let context = ReplyContext::unpriced();
    for to in CLIENTS {
        let whole = told((from, to), &context, [data]);
        assert_eq!(whole, told((from, to), &context, pieces(data)), "{from} to {to}");
        assert_small(whole.0.len(), data);
        billed(&whole.2);
        if from != to {
            for event in events_of(&whole.0) {
                assert!(event.trim() == "[DONE]" || is_json(event.as_bytes()), "{to}: {event}");
            }
        }
        let mut array = EventArray::default();
        let _ = (array.push(&whole.0), array.push(data), array.finish());
    }
}

/// Frames whose checksums are right around whatever is said, a line each: the name of the event, a
/// space, and its payload.
fn events_bedrock(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n');
    let frames: Vec<u8> = lines.flat_map(framed).collect();
    stream(Dialect::BedrockConverse, &frames);
}

/// A line of `bedrock_stream.txt` as the service frames it. A name longer than a header may be is cut.
pub(crate) fn framed(line: &[u8]) -> Vec<u8> {
    let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (name, payload) = (&line[..at.min(999)], line.get(at + 1..).unwrap_or_default());
    let kind: &[u8] = if name.ends_with(b"Exception") { b"exception" } else { b"event" };
    let mut head = Vec::new();
    let name_header = [b":".as_slice(), kind, b"-type"].concat();
    for (key, value) in [(name_header.as_slice(), name), (b":message-type", kind)] {
        head.push(u8::try_from(key.len()).unwrap_or(0));
        head.extend_from_slice(key);
        head.push(7);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
        head.extend_from_slice(value);
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = length(16 + head.len() + payload.len()).to_vec();
    out.extend_from_slice(&length(head.len()));
    out.extend_from_slice(&checksum(&out).to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    out.extend_from_slice(&checksum(&out).to_be_bytes());
    out
}

/// CRC-32 as zlib computes it, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let shift = |rest: u32| (rest >> 1) ^ if rest & 1 == 1 { 0xEDB8_8320 } else { 0 };
    let fold = |sum, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |rest, _| shift(rest));
    !bytes.iter().fold(!0, fold)
}

/// Requests for embeddings and their answers, in both shapes.
fn embeddings(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let context = ReplyContext::unpriced();
    let target = Target {
        dialect: Dialect::OpenaiChat,
        model: "m-1",
        max_output_tokens: None,
        drop_params: false,
    };
    if let Ok(peek) = peek_embeddings(data) {
        assert!(!peek.peek.model.is_empty() && peek.inputs > 0);
    }
    let encoded = encode_embeddings(Dialect::OpenaiChat, &body, &target);
    assert!(encoded.map_or(true, |encoded| is_json(&encoded.body.whole())));
    for format in [VectorFormat::Float, VectorFormat::Base64] {
        if let Ok(reply) = transcode_embeddings(&body, format, &context) {
            assert!(is_json(&reply.body));
            assert_small(reply.body.len(), data);
            billed(&reply.facts);
        }
    }
    for verb in [Verb::EmbedContent, Verb::BatchEmbedContents] {
        if let Ok(request) = decode_embed_request(verb, data) {
            assert!(!request.inputs.is_empty());
            assert!(peek_embeddings(&request.to_embeddings("m-1")).is_ok());
        }
        if let Some(vectors) = read_vectors(data) {
            assert!(is_json(&encode_embed_reply(verb, &vectors)));
        }
    }
}

/// Requests to rerank and their answers.
fn rerank(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let target = Target {
        dialect: Dialect::CohereChat,
        model: "m-1",
        max_output_tokens: None,
        drop_params: false,
    };
    if let Ok(peek) = peek_rerank(data) {
        assert!(!peek.peek.model.is_empty() && peek.documents > 0 && peek.estimated_searches > 0);
    }
    assert!(encode_rerank(&body, &target).map_or(true, |encoded| is_json(&encoded.body.whole())));
    if let Ok(reply) = transcode_rerank(&body, &ReplyContext::unpriced()) {
        assert!(is_json(&reply.body));
        billed(&reply.facts);
    }
}

/// Paths that name a model.
fn path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('?').map_or((text.as_ref(), None), |(p, q)| (p, Some(q)));
    if let Some(at) = PathModel::parse(path, query) {
        assert!(!at.model.is_empty() && at.model.len() <= path.len());
        let path = dialects::endpoint_path(Dialect::GeminiGenerate, &at.model, at.streams());
        // Nothing of a name can end the path or the line it stands in.
        assert!(
            path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()),
            "{path}"
        );
    }
    let _ = PathModel::parse(&format!("/v1beta/models/{path}:countTokens"), query);
}

/// Errors of every provider to every client.
fn error(data: &[u8]) {
    for from in PROVIDERS {
        for status in [400, 401, 403, 404, 408, 413, 429, 500, 503, 529] {
            let error = decode_error(from, status, data);
            assert_eq!(error.status, status, "{from}");
            assert!(error.message.len() <= 2_000 && !error.message.is_empty(), "{from}");
            let _ = (error.retry_helps(), error.fault());
        }
        let error = decode_error(from, 500, data);
        let text = String::from_utf8_lossy(data);
        let _ = error_type(from, &text);
        let body = ErrorBody {
            kind: error.kind.unwrap_or_default(),
            code: error.code,
            message: error.message,
            param: error.param,
            metadata: None,
            request_id: Some("req_1".to_owned()),
        };
        for to in CLIENTS {
            assert!(is_json(&encode_error(to, &body)));
            let events = events_of(&encode_stream_error(to, &body));
            assert!(events.len() == 1 && events.iter().all(|event| is_json(event.as_bytes())));
        }
    }
}

/// Usage objects in every dialect's words.
fn usage(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for dialect in UsageDialect::ALL {
        if let Ok(told) = read_usage(dialect, &text) {
            let facts = Facts { usage: Some(told.usage), extra: told.extra, ..Facts::default() };
            billed(&facts);
        }
    }
    let _ = UsageDialect::guess("acme", &text);
}
