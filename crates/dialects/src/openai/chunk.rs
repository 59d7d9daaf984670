//! Streamed answers as this dialect words them, for providers of other dialects.

use serde::Serialize;

use super::annotations::Annotation;
use super::encode::{ThinkingBlock, shown_model};
use super::signature::Extra;
use super::usage::UsageBody;
use crate::chat::StreamEvent;
use crate::json::{append, text_of};
use crate::reply::{Facts, ReplyContext};
use crate::wire::StreamEncoder;

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_blocks: Option<[BlockDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<[Annotation<'a>; 1]>,
}

/// A block, with its place: official clients put the pieces of every list together by `index`.
#[derive(Serialize)]
struct BlockDelta<'a> {
    index: u32,
    #[serde(flatten)]
    block: ThinkingBlock<'a>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// One stream.
pub(super) struct ChunkEncoder {
    context: ReplyContext,
    /// What every chunk begins with, once the id and model are known.
    head: String,
    is_finished: bool,
    /// Blocks of reasoning told.
    blocks: u32,
}

impl ChunkEncoder {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self { context, head: String::new(), is_finished: false, blocks: 0 }
    }

    /// The first chunk says who speaks. It waits for the first content, so that a provider that
    /// fails before saying anything can still be replaced by another.
    fn start(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        if !self.head.is_empty() {
            return;
        }
        self.head = format!(
            r#"data: {{"id":{},"object":"chat.completion.chunk","created":{},"model":{}"#,
            text_of(facts.id.as_deref().unwrap_or_default()),
            self.context.created_unix_s,
            text_of(shown_model(facts, &self.context)),
        );
        let delta = Delta { role: Some("assistant"), content: Some(""), ..Delta::default() };
        self.delta(&delta, out);
    }

    fn delta(&self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(br#","choices":[{"index":0,"delta":"#);
        append(out, delta);
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }

    fn block(&mut self, block: ThinkingBlock<'_>, out: &mut Vec<u8>) {
        let index = self.blocks;
        self.blocks = index.saturating_add(1);
        let thinking_blocks = Some([BlockDelta { index, block }]);
        self.delta(&Delta { thinking_blocks, ..Delta::default() }, out);
    }

    fn finish(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        self.is_finished = true;
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(
            br#","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"#,
        );
        append(out, facts.finish_reason.map_or("stop", |reason| reason.as_str()));
        if let Some(native) = &facts.native_finish_reason {
            out.extend_from_slice(br#","native_finish_reason":"#);
            append(out, native.as_str());
        }
        out.extend_from_slice(b"}]}\n\n");
    }

    fn usage(&self, facts: &Facts, out: &mut Vec<u8>) {
        let Some(usage) = facts.usage.as_ref().filter(|_| self.context.wants_usage) else { return };
        let cost = (self.context.cost)(usage);
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(br#","choices":[],"usage":"#);
        append(out, &UsageBody::new(&usage.meters, cost));
        out.extend_from_slice(b"}\n\n");
    }
}

impl StreamEncoder for ChunkEncoder {
    fn encode(&mut self, step: &StreamEvent<'_>, facts: &Facts, out: &mut Vec<u8>) {
        if *step == StreamEvent::KeepAlive {
            if !self.head.is_empty() {
                out.extend_from_slice(b": keep-alive\n\n");
            }
            return;
        }
        self.start(facts, out);
        let none = Delta::default();
        let call = |index, id, name, arguments| CallDelta {
            index,
            id,
            kind: id.map(|_| "function"),
            function: FunctionDelta { name, arguments },
            extra_content: None,
        };
        match step {
            StreamEvent::Text(text) => self.delta(&Delta { content: Some(text), ..none }, out),
            StreamEvent::Citation(citation) => {
                if let Some(annotation) = Annotation::new(citation) {
                    self.delta(&Delta { annotations: Some([annotation]), ..none }, out);
                }
            }
            StreamEvent::Thinking(text) => {
                self.delta(&Delta { reasoning_content: Some(text), ..none }, out);
            }
            StreamEvent::ThinkingSignature(signature) => {
                self.block(ThinkingBlock::Thinking { thinking: "", signature }, out);
            }
            StreamEvent::RedactedThinking(data) => {
                self.block(ThinkingBlock::RedactedThinking { data }, out);
            }
            StreamEvent::ToolCall { index, id, name, signature } => {
                let call = CallDelta {
                    extra_content: signature.as_deref().map(Extra::new),
                    ..call(*index, Some(id.as_ref()), Some(name.as_ref()), "")
                };
                self.delta(&Delta { tool_calls: Some([call]), ..none }, out);
            }
            StreamEvent::ToolArguments { index, json } => {
                let call = call(*index, None, None, json);
                self.delta(&Delta { tool_calls: Some([call]), ..none }, out);
            }
            StreamEvent::Finish => self.finish(facts, out),
            StreamEvent::Done => {
                if !self.is_finished {
                    self.finish(facts, out);
                }
                self.usage(facts, out);
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
            StreamEvent::TextEnd | StreamEvent::KeepAlive => {}
        }
    }
}
