//! Twice the input takes about twice the work: the shapes of requests, answers and streams in which one
//! thing is looked for among all others.
//!
//! Work is counted in nanoseconds of this thread on a processor, which the kernel keeps, not in time
//! that passes; eight times the input may take 24 times as many, where quadratic work takes 64.

use std::fs;
use std::time::Instant;

use bytes::Bytes;
use dialects::{
    PathModel, ReplyContext, Target, encode_request_at, peek_embeddings, transcode_reply,
};
use events::Dialect;

use crate::bodies::{PROVIDERS, told};

/// Things in the smaller input; the larger has eight times as many, below what a list may hold.
const FEW: usize = 2_000;
const TIMES: usize = 8;
const WORK_TIMES_MAX: u64 = 24;

/// Nanoseconds this thread has been on a processor; where the kernel does not say, those that passed.
fn worked_ns(since: Instant) -> u64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// The work of one round.
fn work(run: &impl Fn(&str), input: &str) -> u64 {
    let since = Instant::now();
    let before = worked_ns(since);
    run(input);
    worked_ns(since).saturating_sub(before)
}

/// A named shape of an input, of any number of things.
type Shape<'s> = (&'s str, &'s dyn Fn(usize) -> String);

fn assert_linear(what: &str, run: impl Fn(&str), input: impl Fn(usize) -> String) {
    let (small, large) = (input(FEW), input(FEW * TIMES));
    let mut told = Vec::new();
    // What the kernel itself did meanwhile may count as ours once, not three times.
    for _ in 0..3 {
        let (few, many) = (work(&run, &small), work(&run, &large));
        // Below a tick of the kernel's clock nothing can be compared, and nothing need be.
        if many <= few.max(8_000_000).saturating_mul(WORK_TIMES_MAX) {
            return;
        }
        told.push((few, many));
    }
    panic!("{what}: ns for {FEW} and for {TIMES} times as many: {told:?}");
}

fn each(count: usize, thing: impl Fn(usize) -> String) -> String {
    (0..count).map(thing).collect::<Vec<_>>().join(",")
}

/// A request worded for every provider, with all its losses.
fn word(from: Dialect, body: &str) {
    let at = PathModel::parse("/v1beta/models/m:generateContent", None)
        .filter(|_| from == Dialect::GeminiGenerate);
    let body = Bytes::copy_from_slice(body.as_bytes());
    for dialect in PROVIDERS {
        let target = Target { dialect, model: "m", max_output_tokens: Some(9), drop_params: true };
        let _ = encode_request_at(from, at.as_ref(), &body, &target);
    }
}

fn check(from: Dialect, shapes: &[Shape<'_>]) {
    for (what, shape) in shapes {
        assert_linear(&format!("{from}, {what}"), |body| word(from, body), shape);
    }
}

#[test]
fn requests_of_openai_are_read_in_linear_time() {
    let request = |messages: String| format!(r#"{{"model":"m","messages":[{messages}]}}"#);
    check(
        Dialect::OpenaiChat,
        &[
            ("results between words", &|count| {
                request(each(count, |at| {
                    format!(
                        r#"{{"role":"tool","tool_call_id":"c{at}","content":"r"}},{{"role":"user","content":"u"}}"#
                    )
                }))
            }),
            ("calls and their results", &|count| {
                let call = |at| {
                    format!(r#"{{"id":"c{at}","function":{{"name":"f","arguments":"{{}}"}}}}"#)
                };
                let result =
                    |at| format!(r#"{{"role":"tool","tool_call_id":"c{at}","content":"r"}}"#);
                let calls =
                    format!(r#"{{"role":"assistant","tool_calls":[{}]}}"#, each(count, call));
                request(calls + "," + &each(count, result))
            }),
            ("files of one name", &|count| {
                let file = r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA"}}"#;
                request(format!(
                    r#"{{"role":"user","content":[{}]}}"#,
                    each(count, |_| file.into())
                ))
            }),
            ("things nobody can carry", &|count| {
                request(each(count, |_| {
                    r#"{"role":"user","content":[{"type":"input_audio"}]}"#.into()
                }))
            }),
            ("messages deep in lists", &|count| request("[".repeat(count) + &"]".repeat(count))),
            ("escapes", &|count| {
                request(format!(r#"{{"role":"user","content":"{}"}}"#, "\\\\\\\"".repeat(count)))
            }),
        ],
    );
}

#[test]
fn requests_of_anthropic_are_read_in_linear_time() {
    let request = |rest: String| format!(r#"{{"model":"m","max_tokens":9,{rest}}}"#);
    check(
        Dialect::AnthropicMessages,
        &[
            ("calls and their results", &|count| {
                let call =
                    |at| format!(r#"{{"type":"tool_use","id":"c{at}","name":"f","input":{{}}}}"#);
                let result =
                    |at| format!(r#"{{"type":"tool_result","tool_use_id":"c{at}","content":"r"}}"#);
                request(format!(
                    r#""messages":[{{"role":"assistant","content":[{}]}},{{"role":"user","content":[{}]}}]"#,
                    each(count, call),
                    each(count, result)
                ))
            }),
            ("citations of every file", &|count| {
                let file = r#"{"type":"document","source":{"type":"text","data":"d"},"citations":{"enabled":true}}"#;
                let files = each(count, |_| file.into());
                request(format!(r#""messages":[{{"role":"user","content":[{files}]}}]"#))
            }),
            ("tools of the provider's own", &|count| {
                let tools = each(count, |at| format!(r#"{{"type":"web_search","name":"t{at}"}}"#));
                request(format!(
                    r#""messages":[{{"role":"user","content":"u"}}],"tools":[{tools}]"#
                ))
            }),
            ("foreign reasoning", &|count| {
                let thought =
                    r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t"}]}"#;
                request(format!(r#""messages":[{}]"#, each(count, |_| thought.into())))
            }),
        ],
    );
}

#[test]
fn requests_of_responses_are_read_in_linear_time() {
    check(
        Dialect::OpenaiResponses,
        &[
            ("calls and their results", &|count| {
                let call = |at| {
                    format!(
                        r#"{{"type":"function_call","call_id":"c{at}","name":"f","arguments":"{{}}"}}"#
                    )
                };
                let result = |at| {
                    format!(r#"{{"type":"function_call_output","call_id":"c{at}","output":"r"}}"#)
                };
                format!(
                    r#"{{"model":"m","input":[{},{}]}}"#,
                    each(count, call),
                    each(count, result)
                )
            }),
            ("members nobody knows", &|count| {
                let members = each(count.min(9_000), |at| format!(r#""x{at}":1"#));
                format!(r#"{{"model":"m","input":"i",{members}}}"#)
            }),
        ],
    );
}

#[test]
fn requests_of_gemini_are_read_in_linear_time() {
    let model = |parts: String| format!(r#"{{"role":"model","parts":[{parts}]}}"#);
    let user = |parts: String| format!(r#"{{"role":"user","parts":[{parts}]}}"#);
    check(
        Dialect::GeminiGenerate,
        &[
            ("results by id", &|count| {
                let call =
                    |at| format!(r#"{{"functionCall":{{"id":"c{at}","name":"f","args":{{}}}}}}"#);
                let result = |at| {
                    format!(r#"{{"functionResponse":{{"id":"c{at}","name":"f","response":{{}}}}}}"#)
                };
                format!(
                    r#"{{"contents":[{},{}]}}"#,
                    model(each(count, call)),
                    user(each(count, result))
                )
            }),
            ("results by name", &|count| {
                let call = |_| r#"{"functionCall":{"name":"f","args":{}}}"#.to_owned();
                let result = |_| r#"{"functionResponse":{"name":"f","response":{}}}"#.to_owned();
                format!(
                    r#"{{"contents":[{},{}]}}"#,
                    model(each(count, call)),
                    user(each(count, result))
                )
            }),
            ("tools and those allowed", &|count| {
                let tools = each(count, |at| format!(r#"{{"name":"t{at}"}}"#));
                let names = each(count, |at| format!(r#""t{at}""#));
                format!(
                    r#"{{"contents":[{}],"tools":[{{"functionDeclarations":[{tools}]}}],"toolConfig":{{"functionCallingConfig":{{"mode":"ANY","allowedFunctionNames":[{names}]}}}}}}"#,
                    user(r#"{"text":"u"}"#.to_owned())
                )
            }),
        ],
    );
}

#[test]
fn embeddings_are_read_in_linear_time() {
    assert_linear(
        "texts to embed",
        |body| drop(peek_embeddings(body.as_bytes())),
        |count| format!(r#"{{"model":"m","input":[{}]}}"#, each(count, |at| format!(r#""t{at}""#))),
    );
}

#[test]
fn answers_are_read_in_linear_time() {
    for (dialect, before, part, behind) in [
        (
            Dialect::OpenaiChat,
            r#"{"choices":[{"message":{"tool_calls":["#,
            r#"{"id":"c","function":{"name":"f","arguments":"{}"}}"#,
            "]}}]}",
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"type":"message","content":["#,
            r#"{"type":"tool_use","id":"c","name":"f","input":{}}"#,
            "]}",
        ),
        (
            Dialect::OpenaiResponses,
            r#"{"object":"response","status":"completed","output":["#,
            r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#,
            "]}",
        ),
        (
            Dialect::GeminiGenerate,
            r#"{"candidates":[{"content":{"parts":["#,
            r#"{"functionCall":{"name":"f","args":{}}}"#,
            "]}}]}",
        ),
        (
            Dialect::BedrockConverse,
            r#"{"output":{"message":{"content":["#,
            r#"{"toolUse":{"toolUseId":"c","name":"f","input":{}}}"#,
            "]}}}",
        ),
        (
            Dialect::CohereChat,
            r#"{"message":{"tool_calls":["#,
            r#"{"id":"c","function":{"name":"f","arguments":"{}"}}"#,
            "]}}",
        ),
    ] {
        let run = |body: &str| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            for to in crate::bodies::CLIENTS {
                let _ = transcode_reply(dialect, to, &body, &ReplyContext::unpriced());
            }
        };
        let input = |count| format!("{before}{}{behind}", each(count, |_| part.to_owned()));
        assert_linear(&format!("{dialect}, calls"), run, input);
    }
}

#[test]
fn streams_are_read_in_linear_time_however_they_are_cut() {
    let openai = r#"{"id":"c","model":"m","choices":[{"delta":{"content":"t"}}]}"#;
    let anthropic = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","name":"f"}}"#;
    let marked = r#"{"choices":[{"delta":{"content":"a [1]"}}],"citations":["https://a","https://b"],"search_results":[{"url":"https://a","title":"A"}]}"#;
    let recited = r#"{"candidates":[{"content":{"parts":[{"text":"é"}]},"citationMetadata":{"citationSources":[{"startIndex":1,"endIndex":2,"uri":"https://a"},{"endIndex":7,"uri":"https://b"}]}}]}"#;
    for (dialect, event) in [
        (Dialect::OpenaiChat, openai),
        (Dialect::AnthropicMessages, anthropic),
        (Dialect::OpenaiChat, marked),
        (Dialect::GeminiGenerate, recited),
    ] {
        for to in crate::bodies::CLIENTS {
            for piece in [1_usize, 16 << 10, usize::MAX] {
                let run = |stream: &str| {
                    let pieces = stream.as_bytes().chunks(piece);
                    drop(told((dialect, to), &ReplyContext::unpriced(), pieces));
                };
                let what = format!("{dialect} to {to} in pieces of {piece}");
                assert_linear(&what, run, |count| format!("data: {event}\n\n").repeat(count / 8));
            }
        }
    }
}

#[test]
fn names_that_every_event_repeats_do_not_make_a_stream_grow_without_bound() {
    let name = "n".repeat(200_000);
    let first = format!(r#"data: {{"id":"{name}","model":"{name}","choices":[]}}"#);
    let more = r#"data: {"choices":[{"delta":{"content":"t"}}]}"#;
    let stream = format!("{first}\n\n{}", format!("{more}\n\n").repeat(1_000));
    for to in [Dialect::AnthropicMessages, Dialect::GeminiGenerate, Dialect::OpenaiResponses] {
        let pair = (Dialect::OpenaiChat, to);
        let (out, _, facts) = told(pair, &ReplyContext::unpriced(), [stream.as_bytes()]);
        assert!(out.len() < 4 << 20, "{} bytes in the words of {to}", out.len());
        assert_eq!(facts.model.map(|model| model.len()), Some(512));
    }
}
