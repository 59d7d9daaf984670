//! What is carried between every client and every provider, found out by carrying it, and written down
//! in `DIALECTS.md`. A cell is `pass`, or `not carried` with what the client is told; never `fail`.
//!
//! `TOLLGATE_WRITE_TABLE=1 cargo test -p dialects --test laws` writes the file anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use dialects::{
    Encoded, PathModel, ReplyContext, RequestError, Target, encode_request_at, transcode_reply,
};
use events::Dialect;
use serde_json::{Value, json};

use crate::answers::Sense;
use crate::asks::{MEMBER, PICTURE, RESULTS, SAID, TOOL, ask};
use crate::bodies::{CLIENTS, PROVIDERS, told};
use crate::fixtures::{plain, streamed};

/// What an application may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    Text,
    Stream,
    Tools,
    ParallelTools,
    Images,
    Structured,
    Thinking,
    Citations,
    Usage,
}

const FEATURES: [(Feature, &str); 9] = [
    (Feature::Text, "text"),
    (Feature::Stream, "stream"),
    (Feature::Tools, "tools"),
    (Feature::ParallelTools, "parallel tools"),
    (Feature::Images, "images"),
    (Feature::Structured, "structured output"),
    (Feature::Thinking, "thinking"),
    (Feature::Citations, "citations"),
    (Feature::Usage, "usage"),
];

/// What became of a feature on its way.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Pass,
    /// The client is told why.
    NotCarried(String),
    Fail(String),
}

/// A source an answer names.
const SOURCE: &str = "https://example.com/weather";
/// The text that names it.
const CITED: &str = "It is sunny.";

#[test]
fn the_table_of_what_is_carried_is_the_one_in_the_repository_and_holds_no_failure() {
    let (table, failures) = table();
    assert!(failures.is_empty(), "{failures:#?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/DIALECTS.md");
    if std::env::var_os("TOLLGATE_WRITE_TABLE").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == table,
        "DIALECTS.md is not what is carried: TOLLGATE_WRITE_TABLE=1 cargo test -p dialects --test laws"
    );
}

fn table() -> (String, Vec<String>) {
    let mut out = String::from(
        "# What is carried between clients and providers\n\n\
         Written by `tests/laws/matrix.rs`, which encodes each request, decodes each answer and \
         stream, and\nlooks for what was meant. Do not edit: \
         `TOLLGATE_WRITE_TABLE=1 cargo test -p dialects --test laws`.\n\n\
         `pass`: what the client meant reaches the provider, and what the provider said the client. \
         A number: not\ncarried, for the reason below. Between equal dialects every byte stays but \
         for what policy must change.\nEach cell tries one shape of its feature (a picture is data, not an address): \
         other shapes may be a 400 that names\nthe parameter.\n\n\
         Citations are looked for as a page of the web. A document (a file, a passage the client gave) \
         reaches clients of\nanthropic_messages and gemini_generate, those of openai_responses where it \
         has an id or a title, and those of\nopenai_chat never, whose only citation is of a page. An \
         answer's first 512 citations are kept.\nThat a document of the request is to be cited is asked of \
         anthropic_messages and bedrock_converse, not of others.\nWhat is left out is told as `citations` among the dropped \
         parameters: in the header of a plain answer, and\nin the row of any.\n",
    );
    let (mut reasons, mut failures) = (BTreeMap::<String, usize>::new(), Vec::new());
    let mut order = Vec::new();
    for client in CLIENTS {
        let _ = write!(out, "\n## Clients that speak {client}\n\n| provider |");
        FEATURES.iter().for_each(|(_, name)| out.push_str(&format!(" {name} |")));
        let _ = writeln!(out, "\n|---|{}", "---|".repeat(FEATURES.len()));
        for provider in PROVIDERS {
            let _ = write!(out, "| {provider} |");
            for (feature, name) in FEATURES {
                let cell = match outcome(client, provider, feature) {
                    Outcome::Pass => "pass".to_owned(),
                    Outcome::NotCarried(why) => {
                        let next = reasons.len() + 1;
                        let number = *reasons.entry(why.clone()).or_insert_with(|| {
                            order.push(why);
                            next
                        });
                        format!("not carried ({number})")
                    }
                    Outcome::Fail(why) => {
                        failures.push(format!("{client} to {provider}, {name}: {why}"));
                        "fail".to_owned()
                    }
                };
                let _ = write!(out, " {cell} |");
            }
            out.push('\n');
        }
    }
    if !order.is_empty() {
        out.push_str("\n## Why\n\n");
    }
    for (at, why) in order.iter().enumerate() {
        let _ = writeln!(out, "{}. {why}", at + 1);
    }
    (out, failures)
}

fn outcome(client: Dialect, provider: Dialect, feature: Feature) -> Outcome {
    let body = Bytes::from(ask(client, feature));
    let encoded = match encode(client, provider, feature, &body) {
        Ok(encoded) => encoded,
        Err(error @ RequestError::Unsupported { .. }) => {
            return Outcome::NotCarried(error.to_string());
        }
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    let sent = String::from_utf8_lossy(&encoded.body.whole()).into_owned();
    let mut wanted = vec![SAID];
    match feature {
        Feature::Tools => wanted.extend([TOOL, RESULTS[0]]),
        Feature::ParallelTools => wanted.extend([TOOL, RESULTS[0], RESULTS[1]]),
        Feature::Images => wanted.push(PICTURE),
        Feature::Structured => wanted.push(MEMBER),
        Feature::Thinking => {
            let without = Bytes::from(ask(client, Feature::Text));
            let without = encode(client, provider, Feature::Text, &without).unwrap();
            if without.body.whole() == encoded.body.whole() {
                return Outcome::Fail("the request says nothing of it".to_owned());
            }
        }
        Feature::Text | Feature::Stream | Feature::Citations | Feature::Usage => {}
    }
    if let Some(lost) = wanted.iter().find(|text| !sent.contains(**text)) {
        return Outcome::Fail(format!("the request lost `{lost}`: {sent}"));
    }
    answered(client, provider, feature)
}

fn encode(
    client: Dialect,
    provider: Dialect,
    feature: Feature,
    body: &Bytes,
) -> Result<Encoded, RequestError> {
    let verb = if feature == Feature::Stream { "streamGenerateContent" } else { "generateContent" };
    let at = PathModel::parse(&format!("/v1beta/models/r:{verb}"), Some("alt=sse"));
    let at = at.filter(|_| client == Dialect::GeminiGenerate);
    let target =
        Target { dialect: provider, model: "m-1", max_output_tokens: None, drop_params: false };
    encode_request_at(client, at.as_ref(), body, &target)
}

/// What the client learns of an answer that has it all.
fn answered(client: Dialect, provider: Dialect, feature: Feature) -> Outcome {
    let context = ReplyContext::unpriced();
    let openai = Dialect::OpenaiChat;
    if feature == Feature::Citations {
        return cited(client, provider);
    }
    let body = match (provider, feature) {
        // The shared answer has neither reasoning nor a second call.
        (Dialect::OpenaiChat, Feature::ParallelTools | Feature::Thinking) => {
            Bytes::from(two_calls().to_string())
        }
        _ => Bytes::from(plain(provider)),
    };
    let straight = transcode_reply(provider, openai, &body, &context).unwrap();
    let meant = Sense::of_plain(&straight.body);
    let (sense, facts) = if feature == Feature::Stream {
        let (there, error, _) = told((provider, client), &context, [&streamed(provider)[..]]);
        if let Some(error) = error {
            return Outcome::Fail(error.to_string());
        }
        let (back, _, facts) = told((client, openai), &context, [&there[..]]);
        (Sense::of_stream(&back), facts)
    } else {
        let there = transcode_reply(provider, client, &body, &context).unwrap();
        let back = transcode_reply(client, openai, &there.body, &context).unwrap();
        (Sense::of_plain(&back.body), back.facts)
    };
    let is_whole = match feature {
        Feature::Text | Feature::Images | Feature::Structured | Feature::Citations => {
            sense.text == meant.text && !meant.text.is_empty()
        }
        Feature::Stream => sense == meant,
        Feature::Tools => sense.calls.first() == meant.calls.first() && !meant.calls.is_empty(),
        Feature::ParallelTools => sense.calls == meant.calls && meant.calls.len() > 1,
        Feature::Thinking => sense.thoughts == meant.thoughts && !meant.thoughts.is_empty(),
        Feature::Usage => {
            let tokens = |facts: &dialects::Facts| {
                facts
                    .usage
                    .as_ref()
                    .map(|usage| (usage.meters.input_tokens(), usage.meters.output_tokens()))
            };
            tokens(&facts) == tokens(&straight.facts) && facts.usage.is_some()
        }
    };
    if is_whole {
        return Outcome::Pass;
    }
    Outcome::Fail(format!("the answer says {sense:?} for {meant:?}"))
}

/// What becomes of the sources an answer names. Its text must stay whatever happens to them.
fn cited(client: Dialect, provider: Dialect) -> Outcome {
    let body = Bytes::from(answer_with_source(provider).to_string());
    let context = ReplyContext::unpriced();
    let there = match transcode_reply(provider, client, &body, &context) {
        Ok(reply) => String::from_utf8_lossy(&reply.body).into_owned(),
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    if !there.contains(CITED) {
        return Outcome::Fail(format!("the text is lost: {there}"));
    }
    if there.contains(SOURCE) {
        return Outcome::Pass;
    }
    Outcome::NotCarried(
        "the sources an answer names are lost, and the text itself is whole".to_owned(),
    )
}

/// An answer in OpenAI's words, of a server that tells its reasoning, with two calls.
fn two_calls() -> Value {
    let call = |id, place| {
        let function = json!({"name": TOOL, "arguments": json!({"place": place}).to_string()});
        json!({"id": id, "type": "function", "function": function})
    };
    let message = json!({
        "role": "assistant", "content": null, "reasoning_content": "They ask of two places.",
        "tool_calls": [call("call_0", "Riga"), call("call_1", "Oslo")],
    });
    json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
    })
}

/// A provider's answer that names a source.
fn answer_with_source(provider: Dialect) -> Value {
    match provider {
        Dialect::OpenaiChat => json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {
                "role": "assistant", "content": CITED, "annotations": [{
                    "type": "url_citation", "url_citation": {
                        "start_index": 0, "end_index": 12, "url": SOURCE, "title": "Weather"}}]}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}}),
        Dialect::AnthropicMessages => json!({
            "id": "msg", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": CITED, "citations": [{
                "type": "web_search_result_location", "url": SOURCE, "title": "Weather",
                "cited_text": "sunny", "encrypted_index": "x"}]}],
            "stop_reason": "end_turn", "usage": {"input_tokens": 5, "output_tokens": 4}}),
        Dialect::OpenaiResponses => json!({
            "id": "resp", "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": [{"id": "msg", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": CITED, "annotations": [{
                    "type": "url_citation", "start_index": 0, "end_index": 12, "url": SOURCE,
                    "title": "Weather"}]}]}],
            "usage": {"input_tokens": 5, "output_tokens": 4, "total_tokens": 9}}),
        Dialect::GeminiGenerate => json!({
            "responseId": "g", "modelVersion": "m", "candidates": [{
                "index": 0, "finishReason": "STOP",
                "content": {"role": "model", "parts": [{"text": CITED}]},
                "groundingMetadata": {
                    "groundingChunks": [{"web": {"uri": SOURCE, "title": "Weather"}}],
                    "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 12, "text": CITED},
                        "groundingChunkIndices": [0]}]}}],
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 4}}),
        Dialect::BedrockConverse => json!({
            "output": {"message": {"role": "assistant", "content": [{"citationsContent": {
                "content": [{"text": CITED}], "citations": [{
                    "title": "Weather", "location": {"web": {"url": SOURCE}}}]}}]}},
            "stopReason": "end_turn", "metrics": {"latencyMs": 1},
            "usage": {"inputTokens": 5, "outputTokens": 4, "totalTokens": 9}}),
        Dialect::CohereChat => json!({
            "id": "c", "finish_reason": "COMPLETE", "message": {
                "role": "assistant", "content": [{"type": "text", "text": CITED}],
                "citations": [{"start": 0, "end": 12, "text": CITED, "sources": [{
                    "type": "document", "id": SOURCE, "document": {"url": SOURCE}}]}]},
            "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 4}}}),
    }
}
