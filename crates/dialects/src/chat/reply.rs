//! What a model answered.

use std::borrow::Cow;

use super::Citation;

/// One complete answer. Usage and the reason it ended travel in the facts beside it.
#[derive(Debug, Default)]
pub(crate) struct ChatReply<'a> {
    /// What it says, in order.
    pub(crate) parts: Vec<OutputPart<'a>>,
    /// What its text rests on, in the order it was told.
    pub(crate) citations: Vec<Citation>,
}

/// One part of an answer.
#[derive(Debug)]
pub(crate) enum OutputPart<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Reasoning, with the provider's signature where it gave one.
    Thinking {
        /// The reasoning.
        text: Cow<'a, str>,
        /// The signature.
        signature: Option<Cow<'a, str>>,
    },
    /// Reasoning the provider encrypted.
    RedactedThinking(Cow<'a, str>),
    /// A call of one of the client's tools.
    ToolCall {
        /// Id the result must refer to.
        id: Cow<'a, str>,
        /// Name of the tool.
        name: Cow<'a, str>,
        /// JSON text of the arguments.
        arguments: Cow<'a, str>,
        /// The provider's signature over the reasoning that led to it, to be sent back with it.
        signature: Option<Cow<'a, str>>,
    },
}
