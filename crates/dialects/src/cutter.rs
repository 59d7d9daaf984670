//! How a provider's bytes are cut into events: lines of text, or binary frames. Nothing here may know
//! what an event means.

use bytes::Bytes;
use events::Dialect;

use crate::bedrock::frame::{self, Frame};
use crate::error::StreamError;
use crate::sse::Framer;

/// Where events end.
#[derive(Debug)]
pub(crate) enum Cutter {
    /// Server-sent events, which end in a blank line.
    Text(Framer),
    /// Frames, which tell their length.
    Frames,
}

impl Cutter {
    /// How a provider of this dialect frames its streams.
    pub(crate) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::BedrockConverse => Cutter::Frames,
            _ => Cutter::Text(Framer::default()),
        }
    }

    /// The length of the first event in `buffer`; `None` while it is incomplete. `buffer` must begin
    /// as at the last call until [`Cutter::consume`] is called.
    ///
    /// # Errors
    /// What is there begins no event, or one of more than `bytes_max`.
    pub(crate) fn find(
        &mut self,
        buffer: &[u8],
        bytes_max: usize,
    ) -> Result<Option<usize>, StreamError> {
        match self {
            Cutter::Text(framer) => Ok(framer.find(buffer)),
            Cutter::Frames => {
                let length = frame::length(buffer, bytes_max)?;
                Ok(length.filter(|length| buffer.len() >= *length))
            }
        }
    }

    /// Whether events are text, which may open with a mark of its byte order.
    pub(crate) const fn is_text(&self) -> bool {
        matches!(self, Cutter::Text(_))
    }

    /// Forgets the event found; the next buffer begins after it.
    pub(crate) fn consume(&mut self) {
        if let Cutter::Text(framer) = self {
            framer.consume();
        }
    }

    /// The frame `bytes` are; `None` where events are text.
    ///
    /// # Errors
    /// The frame is broken or tells an error.
    pub(crate) fn frame(
        &self,
        bytes: impl FnOnce() -> Bytes,
    ) -> Result<Option<Frame>, StreamError> {
        match self {
            Cutter::Text(_) => Ok(None),
            Cutter::Frames => Frame::read(bytes()).map(Some),
        }
    }

    /// What the end of the stream stands for when it comes in the middle of an event: some servers
    /// close right after the last line, so that it is the blank line there. `None` where nothing can
    /// be missing.
    pub(crate) const fn end(&self) -> Option<&'static [u8]> {
        match self {
            Cutter::Text(_) => Some(b"\n\n"),
            Cutter::Frames => None,
        }
    }
}
