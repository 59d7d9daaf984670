//! A streamed answer: named events from `message-start` to `message-end`.

use std::io::Write;

use serde_json::{Value, json};

use super::Cohere;
use super::reply::{call_id, citation, finish_reason, has_calls, usage};
use crate::answer::{Answer, PartKind};
use crate::beats::Beat;
use crate::dialects::{Events, Wire, to_json};

/// Writes the events of one stream.
#[derive(Debug)]
pub(crate) struct ChatEvents {
    serial: u64,
}

impl ChatEvents {
    /// An encoder for `answer`.
    pub(super) fn of(answer: &Answer) -> Self {
        Self { serial: answer.serial }
    }

    fn open(&self, answer: &Answer, (choice, part): (usize, usize), out: &mut Vec<u8>) {
        let said = &answer.choices[choice];
        let index = place(answer, choice, part);
        let block = match &said.parts[part].kind {
            PartKind::Thinking if has_calls(said) => return,
            PartKind::Thinking => json!({"type": "thinking", "thinking": ""}),
            PartKind::Text => json!({"type": "text", "text": ""}),
            PartKind::Tool(name) => {
                let function = json!({"name": name, "arguments": ""});
                let id = call_id(name, self.serial, index);
                let call = json!({"id": id, "type": "function", "function": function});
                let delta = json!({"message": {"tool_calls": call}});
                return event(out, "tool-call-start", json!({"index": index, "delta": delta}));
            }
        };
        let delta = json!({"message": {"content": block}});
        event(out, "content-start", json!({"index": index, "delta": delta}));
    }

    fn close(&self, answer: &Answer, (choice, part): (usize, usize), out: &mut Vec<u8>) {
        let said = &answer.choices[choice];
        let name = match &said.parts[part].kind {
            PartKind::Thinking if has_calls(said) => return,
            PartKind::Thinking | PartKind::Text => "content-end",
            PartKind::Tool(_) => "tool-call-end",
        };
        let index = place(answer, choice, part);
        if let Some(citation) = citation(&said.parts[part], index) {
            let delta = json!({"message": {"citations": citation}});
            event(out, "citation-start", json!({"index": 0, "delta": delta}));
            event(out, "citation-end", json!({"index": 0}));
        }
        event(out, name, json!({"index": index}));
    }

    fn delta(
        &self,
        answer: &Answer,
        (choice, part): (usize, usize),
        text: &str,
        out: &mut Vec<u8>,
    ) {
        let said = &answer.choices[choice];
        let index = place(answer, choice, part);
        let (name, message) = match &said.parts[part].kind {
            PartKind::Thinking if has_calls(said) => {
                let delta = json!({"message": {"tool_plan": text}});
                return event(out, "tool-plan-delta", json!({"delta": delta}));
            }
            PartKind::Thinking => ("content-delta", json!({"content": {"thinking": text}})),
            PartKind::Text => ("content-delta", json!({"content": {"text": text}})),
            PartKind::Tool(_) => {
                ("tool-call-delta", json!({"tool_calls": {"function": {"arguments": text}}}))
            }
        };
        event(out, name, json!({"index": index, "delta": {"message": message}}));
    }
}

/// Where a part stands among those of its kind: calls are counted apart from contents.
fn place(answer: &Answer, choice: usize, part: usize) -> usize {
    let said = &answer.choices[choice];
    let is_call = |kind: &PartKind| matches!(kind, PartKind::Tool(_));
    let same = is_call(&said.parts[part].kind);
    let before = said.parts[..part].iter().filter(|before| is_call(&before.kind) == same);
    before.filter(|before| before.kind != PartKind::Thinking || !has_calls(said)).count()
}

impl Events for ChatEvents {
    const SAID_AT_START: u64 = 0;

    fn encode(&mut self, beat: Beat, answer: &Answer, out: &mut Vec<u8>) {
        match beat {
            Beat::Start => {
                let id = Cohere::answer_id(self.serial);
                let message = json!({
                    "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [],
                    "citations": [],
                });
                event(out, "message-start", json!({"id": id, "delta": {"message": message}}));
            }
            Beat::Begin { .. } | Beat::Usage | Beat::End => {}
            Beat::Open { choice, part } => self.open(answer, (choice, part), out),
            Beat::Delta { choice, part, from, to } => {
                let text = &answer.choices[choice].parts[part].text[from..to];
                self.delta(answer, (choice, part), text, out);
            }
            Beat::Close { choice, part } => self.close(answer, (choice, part), out),
            Beat::Finish { choice } => {
                let reason = finish_reason(&answer.choices[choice].finish);
                let mut delta = json!({"finish_reason": reason});
                if answer.tells_usage {
                    delta["usage"] = usage(answer);
                }
                event(out, "message-end", json!({"delta": delta}));
            }
        }
    }

    fn error(&self, out: &mut Vec<u8>) {
        let delta = json!({"finish_reason": "ERROR", "error": "internal server error"});
        event(out, "message-end", json!({"delta": delta}));
    }
}

fn event(out: &mut Vec<u8>, name: &str, mut data: Value) {
    data["type"] = name.into();
    // Writing to memory cannot fail.
    let _ = write!(out, "event: {name}\ndata: ");
    out.extend_from_slice(&to_json(&data));
    out.extend_from_slice(b"\n\n");
}
