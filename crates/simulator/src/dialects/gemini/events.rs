//! A streamed answer: every event is an answer that holds what is new and the usage so far.

use super::error_value;
use super::reply::{candidate, finish_reason, frame, ground, part_value, text_value, usage_value};
use crate::answer::{Answer, PartKind};
use crate::beats::Beat;
use crate::dialects::{Events, to_json};
use crate::refusal::Refusal;

/// Writes the events of one stream, or the elements of one array.
#[derive(Debug)]
pub(crate) struct ResponseEvents<const ARRAY: bool> {
    candidates_tokens: u64,
    thoughts_tokens: u64,
    is_open: bool,
}

impl<const ARRAY: bool> ResponseEvents<ARRAY> {
    /// An encoder for `answer`.
    pub(super) fn of(_: &Answer) -> Self {
        Self { candidates_tokens: 0, thoughts_tokens: 0, is_open: false }
    }

    fn write(&self, out: &mut Vec<u8>, json: &[u8]) {
        out.extend_from_slice(match (ARRAY, self.is_open) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\r\n",
        });
        out.extend_from_slice(json);
        if !ARRAY {
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    fn tell(&mut self, out: &mut Vec<u8>, answer: &Answer, candidate: serde_json::Value) {
        let usage = answer
            .tells_usage
            .then(|| usage_value(answer, self.candidates_tokens, self.thoughts_tokens));
        self.write(out, &to_json(&frame(answer, vec![candidate], usage)));
        self.is_open = true;
    }

    fn count(&mut self, kind: &PartKind, tokens: u64) {
        match kind {
            PartKind::Thinking => self.thoughts_tokens += tokens,
            PartKind::Text | PartKind::Tool(_) => self.candidates_tokens += tokens,
        }
    }
}

impl<const ARRAY: bool> Events for ResponseEvents<ARRAY> {
    const SAID_AT_START: u64 = 0;
    const CONTENT_TYPE: &'static str =
        if ARRAY { "application/json; charset=UTF-8" } else { "text/event-stream" };

    fn encode(&mut self, beat: Beat, answer: &Answer, out: &mut Vec<u8>) {
        match beat {
            Beat::Start | Beat::Open { .. } | Beat::Usage => {}
            Beat::Begin { choice } => self.thoughts_tokens += answer.choices[choice].hidden_tokens,
            Beat::Delta { choice, part, from, to } => {
                let said = &answer.choices[choice].parts[part];
                // A call is told whole, when it is complete.
                if !matches!(said.kind, PartKind::Tool(_)) {
                    let piece = &said.text[from..to];
                    self.count(&said.kind, said.measure.count(piece));
                    let value = text_value(piece, said.kind == PartKind::Thinking);
                    self.tell(out, answer, candidate(choice, vec![value], None));
                }
            }
            Beat::Close { choice, part } => {
                let said = &answer.choices[choice].parts[part];
                if matches!(said.kind, PartKind::Tool(_)) {
                    self.count(&said.kind, said.tokens());
                    let value = part_value(answer, (choice, part));
                    self.tell(out, answer, candidate(choice, vec![value], None));
                }
            }
            Beat::Finish { choice } => {
                if choice + 1 == answer.choices.len() {
                    self.thoughts_tokens = answer.usage.reasoning_tokens;
                    self.candidates_tokens =
                        answer.usage.output_tokens - answer.usage.reasoning_tokens;
                }
                let finish = finish_reason(&answer.choices[choice].finish);
                let mut last = candidate(choice, vec![text_value("", false)], Some(finish));
                ground(&mut last, &answer.choices[choice]);
                self.tell(out, answer, last);
            }
            Beat::End => {
                if ARRAY {
                    out.extend_from_slice(b"]");
                }
            }
        }
    }

    fn error(&self, out: &mut Vec<u8>) {
        let refusal = Refusal::new(
            500,
            "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
        );
        self.write(out, &to_json(&error_value(&refusal)));
        if ARRAY {
            out.extend_from_slice(b"]");
        }
    }
}
