//! The neutral chat: what a conversation says, whatever dialect it arrived in.
//!
//! Text is borrowed from the body. Nothing here may name a dialect or a provider: a translation is a
//! decoder of one dialect followed by an encoder of another, and this is all they share.

mod citation;
mod reply;
mod request;
mod stream;

pub(crate) use citation::{
    CITATIONS_MAX, Citation, Place, PlaceUnit, Source, Span, chars, chars_of, chars_told,
};
pub(crate) use reply::{ChatReply, OutputPart};
pub(crate) use request::{
    ChatRequest, Cited, Content, Effort, Image, JsonSchema, Part, ResponseFormat, Role, Sampling,
    Tool, ToolChoice, Turn,
};
pub(crate) use stream::StreamEvent;
