//! A streamed message: named events from `message_start` to `message_stop`.

use std::io::Write;

use serde_json::{Value, json};

use super::reply::{
    advice_blocks, empty_block, envelope, iterations, source, stop_reason, stop_sequence, usage,
};
use super::{error_value, signature};
use crate::answer::{Answer, PartKind};
use crate::beats::Beat;
use crate::dialects::{Events, quote, to_json};

/// Writes the events of one stream.
#[derive(Debug)]
pub(crate) struct BlockEvents {
    serial: u64,
}

impl BlockEvents {
    /// An encoder for `answer`.
    pub(super) fn of(answer: &Answer) -> Self {
        Self { serial: answer.serial }
    }
}

impl Events for BlockEvents {
    const SAID_AT_START: u64 = 1;

    fn encode(&mut self, beat: Beat, answer: &Answer, out: &mut Vec<u8>) {
        match beat {
            Beat::Start => {
                let mut message = envelope(answer);
                if answer.tells_usage {
                    message["usage"] = usage(answer, answer.usage.output_tokens.min(1));
                }
                event(out, "message_start", &json!({"type": "message_start", "message": message}));
                for (index, block) in advice_blocks(answer).into_iter().enumerate() {
                    open(out, index, &block);
                    close(out, index);
                }
            }
            Beat::Begin { .. } | Beat::Usage => {}
            Beat::Open { choice, part: index } => {
                let part = &answer.choices[choice].parts[index];
                open(out, at(answer, index), &empty_block(answer, index, part));
                if index == 0 {
                    event(out, "ping", &json!({"type": "ping"}));
                }
                if matches!(part.kind, PartKind::Tool(_)) {
                    delta(out, at(answer, index), ("input_json_delta", "partial_json"), "");
                }
            }
            Beat::Delta { choice, part: index, from, to } => {
                let part = &answer.choices[choice].parts[index];
                let names = match part.kind {
                    PartKind::Thinking => ("thinking_delta", "thinking"),
                    PartKind::Text => ("text_delta", "text"),
                    PartKind::Tool(_) => ("input_json_delta", "partial_json"),
                };
                delta(out, at(answer, index), names, &part.text[from..to]);
            }
            Beat::Close { choice, part: index } => {
                let place = at(answer, index);
                if answer.choices[choice].parts[index].kind == PartKind::Thinking {
                    delta(out, place, ("signature_delta", "signature"), &signature(self.serial));
                }
                if answer.choices[choice].parts[index].citation().is_some() {
                    let delta = json!({"type": "citations_delta", "citation": source(answer)});
                    let told =
                        json!({"type": "content_block_delta", "index": place, "delta": delta});
                    event(out, "content_block_delta", &told);
                }
                close(out, place);
            }
            Beat::Finish { choice } => finish(out, answer, choice),
            Beat::End => event(out, "message_stop", &json!({"type": "message_stop"})),
        }
    }

    fn error(&self, out: &mut Vec<u8>) {
        event(out, "error", &error_value("overloaded_error", "Overloaded", self.serial));
    }
}

fn finish(out: &mut Vec<u8>, answer: &Answer, choice: usize) {
    let finish = &answer.choices[choice].finish;
    let mut told = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(finish), "stop_sequence": stop_sequence(finish)},
    });
    if answer.tells_usage {
        let usage = &answer.usage;
        told["usage"] = json!({
            "input_tokens": usage.input_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        });
        if let Some(iterations) = iterations(answer) {
            told["usage"]["iterations"] = iterations;
        }
    }
    event(out, "message_delta", &told);
}

/// The place of a part among the blocks, behind those of the advisor.
fn at(answer: &Answer, part: usize) -> usize {
    2 * answer.advice.len() + part
}

fn open(out: &mut Vec<u8>, index: usize, block: &Value) {
    let start = json!({"type": "content_block_start", "index": index, "content_block": block});
    event(out, "content_block_start", &start);
}

fn close(out: &mut Vec<u8>, index: usize) {
    event(out, "content_block_stop", &json!({"type": "content_block_stop", "index": index}));
}

fn event(out: &mut Vec<u8>, name: &str, data: &Value) {
    // Writing to memory cannot fail.
    let _ = write!(out, "event: {name}\ndata: ");
    out.extend_from_slice(&to_json(data));
    out.extend_from_slice(b"\n\n");
}

/// Written by hand: nearly all of a stream is deltas.
fn delta(out: &mut Vec<u8>, index: usize, (kind, field): (&str, &str), text: &str) {
    let _ = write!(
        out,
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\
         \"delta\":{{\"type\":\"{kind}\",\"{field}\":"
    );
    quote(out, text);
    out.extend_from_slice(b"}}\n\n");
}
