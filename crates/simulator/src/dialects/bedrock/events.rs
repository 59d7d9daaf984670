//! A streamed answer: frames from `messageStart` to `metadata`, padded so that their sizes tell nothing.

use serde_json::{Value, json};

use super::reply::{source, stop_reason, usage};
use super::{frame, thought_signature, tool_use_id};
use crate::answer::{Answer, PartKind};
use crate::beats::Beat;
use crate::dialects::{Events, to_json};
use crate::dice::scramble;

/// What the padding is cut from, as the service does.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Writes the frames of one stream.
#[derive(Debug)]
pub(crate) struct ConverseEvents {
    serial: u64,
    written: u64,
}

impl ConverseEvents {
    /// An encoder for `answer`.
    pub(super) fn of(answer: &Answer) -> Self {
        Self { serial: answer.serial, written: 0 }
    }

    fn event(&mut self, out: &mut Vec<u8>, name: &str, mut payload: Value) {
        self.written += 1;
        let room = u64::try_from(PADDING.len()).unwrap_or(1);
        let length = 1 + scramble(self.serial ^ self.written) % room;
        payload["p"] = PADDING[..usize::try_from(length).unwrap_or(1)].into();
        let headers = [
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        frame::write(out, &headers, &to_json(&payload));
    }

    fn delta(&mut self, out: &mut Vec<u8>, index: usize, delta: &Value) {
        let payload = json!({"contentBlockIndex": index, "delta": delta});
        self.event(out, "contentBlockDelta", payload);
    }
}

impl Events for ConverseEvents {
    const SAID_AT_START: u64 = 0;
    const CONTENT_TYPE: &'static str = "application/vnd.amazon.eventstream";

    fn encode(&mut self, beat: Beat, answer: &Answer, out: &mut Vec<u8>) {
        match beat {
            Beat::Start => self.event(out, "messageStart", json!({"role": "assistant"})),
            Beat::Begin { .. } | Beat::Usage => {}
            // Only calls are announced: a text begins with its first words.
            Beat::Open { choice, part: index } => {
                if let PartKind::Tool(name) = &answer.choices[choice].parts[index].kind {
                    let id = tool_use_id(self.serial, index);
                    let start = json!({"toolUse": {"toolUseId": id, "name": name}});
                    let payload = json!({"contentBlockIndex": index, "start": start});
                    self.event(out, "contentBlockStart", payload);
                }
            }
            Beat::Delta { choice, part: index, from, to } => {
                let part = &answer.choices[choice].parts[index];
                let text = &part.text[from..to];
                let delta = match part.kind {
                    PartKind::Thinking => json!({"reasoningContent": {"text": text}}),
                    PartKind::Text => json!({"text": text}),
                    PartKind::Tool(_) => json!({"toolUse": {"input": text}}),
                };
                self.delta(out, index, &delta);
            }
            Beat::Close { choice, part: index } => {
                if answer.choices[choice].parts[index].kind == PartKind::Thinking {
                    let signature = thought_signature(self.serial);
                    self.delta(out, index, &json!({"reasoningContent": {"signature": signature}}));
                }
                if answer.choices[choice].parts[index].citation().is_some() {
                    self.delta(out, index, &json!({"citation": source(answer)}));
                }
                self.event(out, "contentBlockStop", json!({"contentBlockIndex": index}));
            }
            Beat::Finish { choice } => {
                let reason = stop_reason(&answer.choices[choice].finish);
                self.event(out, "messageStop", json!({"stopReason": reason}));
            }
            Beat::End => {
                let mut told =
                    json!({"metrics": {"latencyMs": 1}, "serviceTier": {"type": answer.tier}});
                if answer.tells_usage {
                    told["usage"] = usage(answer);
                }
                self.event(out, "metadata", told);
            }
        }
    }

    fn error(&self, out: &mut Vec<u8>) {
        let headers = [
            (":exception-type", "serviceUnavailableException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        let told = json!({"message": "The service is temporarily unavailable. Please try again."});
        frame::write(out, &headers, &to_json(&told));
    }
}
