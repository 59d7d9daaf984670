//! Frames of WebSocket (RFC 6455), cut from a stream of bytes as they arrive, whole and unchanged, so
//! that something of our own can be said between two of them. This file must never know what is said.

use std::io::Cursor;

use bytes::{Bytes, BytesMut};
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

/// Longest message, and so the most that is kept of one, bytes. The provider takes and sends less.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Why a side's frames cannot be followed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// A message is longer than [`MESSAGE_BYTES_MAX`].
    TooLong,
    /// What was received is no frame, or one with an extension nobody agreed on.
    Garbage,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// As it was received, to be passed on.
    pub(super) raw: Bytes,
    /// What it ends.
    pub(super) told: Told,
}

/// What a frame completes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A message; `None` when it is binary, which no event is.
    Message(Option<Bytes>),
    /// The session.
    Close,
    /// Nothing: a part of a message, a ping or its answer.
    Nothing,
}

/// The frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    received: BytesMut,
    /// The message under way: whether it is text, and what there is of it.
    message: Option<(bool, BytesMut)>,
}

impl Frames {
    /// Takes what was received.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next frame, once it is whole.
    ///
    /// # Errors
    /// The direction cannot be followed from here on: the session has to end.
    pub(super) fn next(&mut self) -> Result<Option<Cut>, Lost> {
        let mut cursor = Cursor::new(&self.received[..]);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Lost::Garbage)?;
        let Some((header, length)) = parsed else { return Ok(None) };
        let start = usize::try_from(cursor.position()).map_err(|_| Lost::Garbage)?;
        let length = usize::try_from(length).map_err(|_| Lost::TooLong)?;
        let begun = self.message.as_ref().map_or(0, |(_, message)| message.len());
        if begun.saturating_add(length) > MESSAGE_BYTES_MAX {
            return Err(Lost::TooLong);
        }
        if self.received.len() < start + length {
            return Ok(None);
        }
        let raw = self.received.split_to(start + length).freeze();
        let told = self.tell(&header, &raw, start)?;
        Ok(Some(Cut { raw, told }))
    }

    /// Whether nothing of a frame or message has been received that is not complete.
    pub(super) fn is_between_messages(&self) -> bool {
        self.message.is_none()
    }

    fn tell(&mut self, header: &FrameHeader, raw: &Bytes, start: usize) -> Result<Told, Lost> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Lost::Garbage);
        }
        let is_text = match header.opcode {
            OpCode::Control(Control::Close) => return Ok(Told::Close),
            OpCode::Control(_) => return Ok(Told::Nothing),
            OpCode::Data(Data::Continue) => None,
            OpCode::Data(kind) => Some(kind == Data::Text),
        };
        match (is_text, &self.message) {
            (Some(is_text), None) => self.message = Some((is_text, BytesMut::new())),
            (None, Some(_)) => {}
            (Some(_), Some(_)) | (None, None) => return Err(Lost::Garbage),
        }
        let Some((is_text, message)) = &mut self.message else { return Err(Lost::Garbage) };
        if *is_text {
            let masked = raw.get(start..).unwrap_or_default();
            match header.mask {
                Some(mask) => {
                    message.extend(masked.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m))
                }
                None => message.extend_from_slice(masked),
            }
        }
        if !header.is_final {
            return Ok(Told::Nothing);
        }
        let whole = self.message.take().filter(|(is_text, _)| *is_text);
        Ok(Told::Message(whole.map(|(_, message)| message.freeze())))
    }
}

/// A text of our own as a frame; `mask` where it goes to a provider.
pub(super) fn text(text: impl Into<Bytes>, mask: Option<[u8; 4]>) -> Bytes {
    framed(Frame::message(text, OpCode::Data(Data::Text), true), mask)
}

/// The end of a session as a frame. The reason is cut to what fits.
pub(super) fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(123)];
    let close = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    framed(Frame::close(Some(close)), mask)
}

fn framed(mut frame: Frame, mask: Option<[u8; 4]>) -> Bytes {
    frame.header_mut().mask = mask;
    let mut out = Vec::with_capacity(frame.len());
    // A vector takes everything.
    let _ = frame.format(&mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame as any sender may write it.
    fn frame(opcode: u8, is_final: bool, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let opcode = OpCode::from(opcode);
        let header = FrameHeader { is_final, opcode, mask, ..FrameHeader::default() };
        let mut out = Vec::new();
        Frame::from_payload(header, payload.to_vec().into()).format(&mut out).unwrap();
        out
    }

    /// Everything that is cut from bytes that arrive in such pieces.
    fn cut(bytes: &[u8], at: &[usize]) -> Result<Vec<Cut>, Lost> {
        let (mut frames, mut cuts, mut from) = (Frames::default(), Vec::new(), 0);
        for to in at.iter().copied().chain([bytes.len()]) {
            frames.push(&bytes[from..to]);
            from = to;
            while let Some(cut) = frames.next()? {
                cuts.push(cut);
            }
        }
        Ok(cuts)
    }

    fn conversation(mask: Option<[u8; 4]>) -> Vec<u8> {
        let long = "x".repeat(300);
        let longer = "y".repeat(70_000);
        [
            frame(1, true, mask, br#"{"type":"one"}"#),
            frame(1, false, mask, br#"{"type":"#),
            frame(9, true, mask, b"ping in between"),
            frame(0, false, mask, b"\"t\xc3"),
            frame(0, true, mask, b"\xa9\"}"),
            frame(2, true, mask, b"\x00\x01"),
            frame(1, true, mask, long.as_bytes()),
            frame(1, true, mask, longer.as_bytes()),
            frame(1, true, mask, b""),
            frame(8, true, mask, b"\x03\xe8"),
        ]
        .concat()
    }

    #[test]
    fn messages_are_the_same_wherever_the_stream_is_split() {
        for mask in [None, Some([7, 200, 0, 91])] {
            let bytes = conversation(mask);
            let whole = cut(&bytes, &[]).unwrap();
            let messages: Vec<_> = whole
                .iter()
                .filter_map(|cut| match &cut.told {
                    Told::Message(message) => Some(message.as_ref().map(|m| m.len())),
                    Told::Close | Told::Nothing => None,
                })
                .collect();
            let expected = [Some(14), Some(14), None, Some(300), Some(70_000), Some(0)];
            assert_eq!(messages, expected);
            assert_eq!(whole[4].told, Told::Message(Some("{\"type\":\"té\"}".into())));
            assert_eq!(whole.last().unwrap().told, Told::Close);
            let passed: Vec<u8> = whole.iter().flat_map(|cut| cut.raw.to_vec()).collect();
            assert_eq!(passed, bytes, "every byte is passed on as it is");
            // The first 600 bytes hold every kind of header; the long payloads are all alike.
            for at in (0..600).chain([bytes.len() - 1]) {
                assert_eq!(cut(&bytes, &[at]).unwrap(), whole, "{at}");
            }
        }
    }

    #[test]
    fn what_cannot_be_followed_ends_the_session() {
        let long = [&[0x81, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
        assert_eq!(cut(&long, &[]), Err(Lost::TooLong));
        let half = vec![b'x'; MESSAGE_BYTES_MAX / 2 + 1];
        let parts = [frame(1, false, None, &half), frame(0, true, None, &half)].concat();
        assert_eq!(cut(&parts, &[]), Err(Lost::TooLong));
        let compressed = [0xc1, 1, b'x'];
        for bytes in [&compressed[..], &[0x83, 0], &[0x80, 0]] {
            assert_eq!(cut(bytes, &[]), Err(Lost::Garbage), "{bytes:?}");
        }
        let unfinished = [frame(1, false, None, b"a"), frame(1, true, None, b"b")].concat();
        assert_eq!(cut(&unfinished, &[]), Err(Lost::Garbage));
    }

    #[test]
    fn what_we_say_ourselves_is_a_frame() {
        for mask in [None, Some([1, 2, 3, 4])] {
            let bytes = [text("{}", mask), close(1008, &"é".repeat(200), mask)].concat();
            let cuts = cut(&bytes, &[]).unwrap();
            assert_eq!(cuts[0].told, Told::Message(Some("{}".into())));
            assert_eq!(cuts[1].told, Told::Close);
            assert!(cuts[1].raw.len() <= 2 + 4 + 125, "a control frame is short");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..200) {
            let at = at.min(bytes.len());
            prop_assert_eq!(cut(&bytes, &[at]).ok(), cut(&bytes, &[]).ok());
        }
    }
}
