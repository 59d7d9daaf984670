//! A streamed chat completion: data-only events and `[DONE]`. What is the same in every event of a
//! stream is written once, since a stream is what benches run by the thousand.

use std::io::Write;

use serde_json::json;

use super::reply::{annotations, finish_reason};
use super::{OpenAi, SERVER_ERROR, call_id, error_type, write_usage};
use crate::answer::{Answer, Part, PartKind};
use crate::beats::Beat;
use crate::dialects::{Events, Wire, quote, to_json};

/// Filler of the kind the provider adds to hide the length of each delta.
const OBFUSCATION: &str = "xK2vQ7mZp0Wd";

/// Writes the chunks of one stream.
#[derive(Debug)]
pub(crate) struct ChunkEvents {
    head: Vec<u8>,
    tells_usage: bool,
}

impl ChunkEvents {
    /// An encoder for `answer`.
    pub(super) fn of(answer: &Answer) -> Self {
        let mut head = b"data: {\"id\":\"".to_vec();
        head.extend_from_slice(OpenAi::answer_id(answer.serial).as_bytes());
        let created = answer.created_s;
        let _ = write!(
            head,
            "\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":"
        );
        quote(&mut head, &answer.model);
        let tier = answer.tier;
        let _ = write!(
            head,
            ",\"service_tier\":\"{tier}\",\"system_fingerprint\":\"fp_simulated\",\"choices\":["
        );
        Self { head, tells_usage: answer.wants_usage && answer.tells_usage }
    }

    /// Starts a chunk whose delta's inside is to follow.
    fn open(&self, out: &mut Vec<u8>, choice: usize) {
        out.extend_from_slice(&self.head);
        let _ = write!(out, "{{\"index\":{choice},\"delta\":{{");
    }

    /// Ends a chunk behind its delta's inside.
    fn close(&self, out: &mut Vec<u8>, finish: Option<&str>) {
        match finish {
            None => out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null}]"),
            Some(reason) => {
                let _ = write!(out, "}},\"logprobs\":null,\"finish_reason\":\"{reason}\"}}]");
            }
        }
        if self.tells_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        self.end(out);
    }

    /// The sources of a part, behind its text.
    fn sources(&self, out: &mut Vec<u8>, choice: usize, part: &Part) {
        let sources = annotations(part);
        if !sources.is_empty() {
            self.open(out, choice);
            out.extend_from_slice(b"\"annotations\":");
            out.extend_from_slice(&to_json(&sources));
            self.close(out, None);
        }
    }

    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"obfuscation\":\"");
        out.extend_from_slice(OBFUSCATION.as_bytes());
        out.extend_from_slice(b"\"}\n\n");
    }

    fn open_call(&self, out: &mut Vec<u8>, answer: &Answer, (choice, part): (usize, usize)) {
        let PartKind::Tool(name) = &answer.choices[choice].parts[part].kind else {
            return;
        };
        let index = call_index(answer, choice, part);
        self.open(out, choice);
        if part == 0 {
            out.extend_from_slice(b"\"role\":\"assistant\",\"content\":null,\"refusal\":null,");
        }
        let id = call_id(answer.serial, choice, index);
        let _ = write!(
            out,
            "\"tool_calls\":[{{\"index\":{index},\"id\":\"{id}\",\"type\":\"function\",\"function\":{{\"name\":"
        );
        quote(out, name);
        out.extend_from_slice(b",\"arguments\":\"\"}}]");
        self.close(out, None);
    }

    fn delta(
        &self,
        out: &mut Vec<u8>,
        answer: &Answer,
        (choice, part): (usize, usize),
        text: &str,
    ) {
        match answer.choices[choice].parts[part].kind {
            PartKind::Thinking => {}
            PartKind::Text => {
                self.open(out, choice);
                out.extend_from_slice(b"\"content\":");
                quote(out, text);
                self.close(out, None);
            }
            PartKind::Tool(_) => {
                let index = call_index(answer, choice, part);
                self.open(out, choice);
                let _ = write!(
                    out,
                    "\"tool_calls\":[{{\"index\":{index},\"function\":{{\"arguments\":"
                );
                quote(out, text);
                out.extend_from_slice(b"}}]");
                self.close(out, None);
            }
        }
    }
}

impl Events for ChunkEvents {
    const SAID_AT_START: u64 = 0;

    fn encode(&mut self, beat: Beat, answer: &Answer, out: &mut Vec<u8>) {
        match beat {
            Beat::Start => {}
            Beat::Close { choice, part } => {
                self.sources(out, choice, &answer.choices[choice].parts[part]);
            }
            Beat::Begin { choice } => {
                let first = answer.choices[choice].parts.first();
                // A first tool call brings the role along.
                if !matches!(first.map(|part| &part.kind), Some(PartKind::Tool(_))) {
                    self.open(out, choice);
                    out.extend_from_slice(
                        b"\"role\":\"assistant\",\"content\":\"\",\"refusal\":null",
                    );
                    self.close(out, None);
                }
            }
            Beat::Open { choice, part } => self.open_call(out, answer, (choice, part)),
            Beat::Delta { choice, part, from, to } => {
                let text = &answer.choices[choice].parts[part].text[from..to];
                self.delta(out, answer, (choice, part), text);
            }
            Beat::Finish { choice } => {
                self.open(out, choice);
                self.close(out, Some(finish_reason(&answer.choices[choice].finish)));
            }
            Beat::Usage if self.tells_usage => {
                out.extend_from_slice(&self.head);
                out.extend_from_slice(b"],\"usage\":");
                write_usage(out, answer);
                self.end(out);
            }
            Beat::Usage => {}
            Beat::End => out.extend_from_slice(b"data: [DONE]\n\n"),
        }
    }

    fn error(&self, out: &mut Vec<u8>) {
        let error = json!({"error": {
            "message": SERVER_ERROR, "type": error_type(500), "param": null, "code": null
        }});
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&to_json(&error));
        out.extend_from_slice(b"\n\n");
    }
}

/// The position of a tool call among the choice's tool calls.
fn call_index(answer: &Answer, choice: usize, part: usize) -> usize {
    let before = &answer.choices[choice].parts[..part];
    before.iter().filter(|part| matches!(part.kind, PartKind::Tool(_))).count()
}
