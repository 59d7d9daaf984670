//! What a model answers, piece by piece.

use std::borrow::Cow;

use super::Citation;

/// One step of a streamed answer. Id, model, usage and the reason it ended travel in the facts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StreamEvent<'a> {
    /// More text.
    Text(Cow<'a, str>),
    /// What text told before rests on.
    Citation(Box<Citation>),
    /// Text told before is a block of its own; its citations were told.
    TextEnd,
    /// More reasoning.
    Thinking(Cow<'a, str>),
    /// The provider's signature over the reasoning since the last signature.
    ThinkingSignature(Cow<'a, str>),
    /// Reasoning the provider encrypted.
    RedactedThinking(Cow<'a, str>),
    /// A call of a tool begins.
    ToolCall {
        /// 0, 1, … within the answer.
        index: u32,
        /// Id the result must refer to.
        id: Cow<'a, str>,
        /// Name of the tool.
        name: Cow<'a, str>,
        /// The provider's signature over the reasoning that led to it, to be sent back with it.
        signature: Option<Cow<'a, str>>,
    },
    /// More JSON text of the arguments of a call.
    ToolArguments {
        /// Which call.
        index: u32,
        /// The text.
        json: Cow<'a, str>,
    },
    /// The model stopped; why is in the facts.
    Finish,
    /// The stream is complete.
    Done,
    /// Nothing new: the provider keeps the connection alive.
    KeepAlive,
}
