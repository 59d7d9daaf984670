//! A streamed response: named events, each with its number.

use std::io::Write;

use serde_json::{Value, json};

use super::reply::{
    annotations, item, item_id, opening, output_index, prefix, reasoning, response, status,
    summary_part, text_part,
};
use crate::answer::{Answer, PartKind};
use crate::beats::Beat;
use crate::dialects::openai::SERVER_ERROR;
use crate::dialects::{Events, quote, to_json};

/// Filler of the kind the provider adds to hide the length of each delta.
const OBFUSCATION: &str = "xK2vQ7mZp0Wd";

/// Writes the events of one stream.
#[derive(Debug)]
pub(crate) struct ResponseEvents {
    sequence: u64,
}

impl ResponseEvents {
    /// An encoder for any answer.
    pub(super) const fn of(_: &Answer) -> Self {
        Self { sequence: 0 }
    }

    fn event(&mut self, out: &mut Vec<u8>, kind: &str, mut members: Value) {
        members["type"] = kind.into();
        members["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        // Writing to memory cannot fail.
        let _ = write!(out, "event: {kind}\ndata: ");
        out.extend_from_slice(&to_json(&members));
        out.extend_from_slice(b"\n\n");
    }

    fn told(&mut self, out: &mut Vec<u8>, kind: &str, answer: &Answer, status: &str) {
        self.event(out, kind, json!({"response": response(answer, status)}));
    }

    /// Reasoning that is not shown is one item without a summary.
    fn begin(&mut self, out: &mut Vec<u8>, answer: &Answer) {
        if answer.choices.first().is_some_and(|choice| choice.hidden_tokens > 0) {
            let item = reasoning(answer, 0, None);
            for kind in ["response.output_item.added", "response.output_item.done"] {
                self.event(out, kind, json!({"output_index": 0, "item": item}));
            }
        }
    }

    fn open(&mut self, out: &mut Vec<u8>, answer: &Answer, part: usize) {
        let members =
            json!({"output_index": output_index(answer, part), "item": opening(answer, part)});
        self.event(out, "response.output_item.added", members);
        match answer.choices[0].parts[part].kind {
            PartKind::Thinking => {
                let mut members = place(answer, part);
                members["part"] = summary_part("");
                self.event(out, "response.reasoning_summary_part.added", members);
            }
            PartKind::Text => {
                let mut members = place(answer, part);
                members["part"] = text_part("", &[]);
                self.event(out, "response.content_part.added", members);
            }
            PartKind::Tool(_) => {}
        }
    }

    /// Deltas are most of a stream and are written without a tree.
    fn delta(&mut self, out: &mut Vec<u8>, answer: &Answer, part: usize, text: &str) {
        let told = &answer.choices[0].parts[part];
        let (kind, more) = match told.kind {
            PartKind::Thinking => ("response.reasoning_summary_text.delta", ",\"summary_index\":0"),
            PartKind::Text => {
                ("response.output_text.delta", ",\"content_index\":0,\"logprobs\":[]")
            }
            PartKind::Tool(_) => ("response.function_call_arguments.delta", ""),
        };
        let at = output_index(answer, part);
        let id = item_id(answer, prefix(told), at);
        let number = self.sequence;
        self.sequence += 1;
        let _ = write!(
            out,
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},\"item_id\":\"{id}\",\"output_index\":{at}{more},\"delta\":"
        );
        quote(out, text);
        let _ = write!(out, ",\"obfuscation\":\"{OBFUSCATION}\"}}\n\n");
    }

    fn close(&mut self, out: &mut Vec<u8>, answer: &Answer, part: usize) {
        let told = &answer.choices[0].parts[part];
        let text = told.text.as_str();
        let sources = annotations(told);
        for (index, source) in sources.iter().enumerate() {
            let mut members = place(answer, part);
            members["annotation_index"] = index.into();
            members["annotation"] = source.clone();
            self.event(out, "response.output_text.annotation.added", members);
        }
        let mut done = |kind: &str, name: &str, value: Value| {
            let mut members = place(answer, part);
            members[name] = value;
            self.event(out, kind, members);
        };
        match &told.kind {
            PartKind::Thinking => {
                done("response.reasoning_summary_text.done", "text", text.into());
                done("response.reasoning_summary_part.done", "part", summary_part(text));
            }
            PartKind::Text => {
                done("response.output_text.done", "text", text.into());
                done("response.content_part.done", "part", text_part(text, &sources));
            }
            PartKind::Tool(_) => {
                done("response.function_call_arguments.done", "arguments", text.into());
            }
        }
        let members =
            json!({"output_index": output_index(answer, part), "item": item(answer, part)});
        self.event(out, "response.output_item.done", members);
    }
}

/// The members that say which item an event is about.
fn place(answer: &Answer, part: usize) -> Value {
    let told = &answer.choices[0].parts[part];
    let at = output_index(answer, part);
    let mut members = json!({"item_id": item_id(answer, prefix(told), at), "output_index": at});
    match told.kind {
        PartKind::Thinking => members["summary_index"] = 0.into(),
        PartKind::Text => members["content_index"] = 0.into(),
        PartKind::Tool(_) => {}
    }
    members
}

impl Events for ResponseEvents {
    const SAID_AT_START: u64 = 0;

    fn encode(&mut self, beat: Beat, answer: &Answer, out: &mut Vec<u8>) {
        match beat {
            Beat::Start => {
                for kind in ["response.created", "response.in_progress"] {
                    self.told(out, kind, answer, "in_progress");
                }
            }
            Beat::Begin { .. } => self.begin(out, answer),
            Beat::Open { part, .. } => self.open(out, answer, part),
            Beat::Delta { part, from, to, .. } => {
                let text = &answer.choices[0].parts[part].text[from..to];
                self.delta(out, answer, part, text);
            }
            Beat::Close { part, .. } => self.close(out, answer, part),
            Beat::Finish { .. } | Beat::Usage => {}
            Beat::End => {
                let status = status(answer);
                self.told(out, &format!("response.{status}"), answer, status);
            }
        }
    }

    fn error(&self, out: &mut Vec<u8>) {
        let error = json!({
            "type": "error", "sequence_number": self.sequence, "code": "server_error",
            "message": SERVER_ERROR, "param": null,
        });
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend_from_slice(&to_json(&error));
        out.extend_from_slice(b"\n\n");
    }
}
