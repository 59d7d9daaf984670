//! Frames of a binary stream of events: where one ends and what it says. A frame has its length, its
//! headers, a payload, and a checksum over each half (Amazon's `vnd.amazon.eventstream`).

use std::borrow::Cow;

use aws_smithy_eventstream::frame::read_message_from;
use bytes::Bytes;

use super::error::exception;
use crate::error::{StreamError, UpstreamError};
use crate::json::text_of;
use crate::sse::Event;

/// Lengths and the first checksum.
const PRELUDE_BYTES: usize = 12;
/// The prelude and the checksum at the end.
const FRAME_BYTES_MIN: usize = PRELUDE_BYTES + 4;

/// One event.
pub(crate) struct Frame {
    name: Option<String>,
    payload: Bytes,
}

/// Length of the frame `buffer` begins with; `None` while that is not there.
///
/// # Errors
/// No frame is that short, or it is longer than `bytes_max`: nothing of it need be waited for.
pub(crate) fn length(buffer: &[u8], bytes_max: usize) -> Result<Option<usize>, StreamError> {
    let Some(told) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*told)).unwrap_or(usize::MAX);
    if length < FRAME_BYTES_MIN {
        return Err(StreamError::Garbage(format!("a frame of {length} bytes")));
    }
    if length > bytes_max {
        return Err(StreamError::TooLarge { limit_bytes: bytes_max });
    }
    Ok(Some(length))
}

impl Frame {
    /// Reads a whole frame.
    ///
    /// # Errors
    /// A checksum or the layout is wrong, or the frame tells an error.
    pub(crate) fn read(bytes: Bytes) -> Result<Self, StreamError> {
        let message = read_message_from(bytes)
            .map_err(|e| StreamError::Garbage(format!("a broken frame: {e}")))?;
        let header = |name: &str| {
            let header = message.headers().iter().find(|h| h.name().as_str() == name)?;
            header.value().as_string().ok().map(|text| text.as_str().to_owned())
        };
        match header(":message-type").as_deref() {
            Some("exception") => {
                let name = header(":exception-type").unwrap_or_default();
                Err(exception(&name, message.payload()).into())
            }
            // A failure below the events: it has no payload.
            Some("error") => {
                let words = header(":error-message").unwrap_or_default();
                let body = format!(r#"{{"message":{}}}"#, text_of(&words));
                let name = header(":error-code").unwrap_or_default();
                let error: UpstreamError = exception(&name, body.as_bytes());
                Err(error.into())
            }
            _ => Ok(Self { name: header(":event-type"), payload: message.payload().clone() }),
        }
    }

    /// The event it tells.
    pub(crate) fn event(&self) -> Event<'_> {
        Event { name: self.name.as_deref(), data: Cow::Borrowed(&self.payload) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// CRC-32 as zlib computes it, the slow way.
    fn checksum(bytes: &[u8]) -> u32 {
        let shift = |rest: u32| (rest >> 1) ^ if rest & 1 == 1 { 0xEDB8_8320 } else { 0 };
        let fold = |sum, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |rest, _| shift(rest));
        !bytes.iter().fold(!0, fold)
    }

    /// A frame with text headers, written by the description and not by the library that reads.
    pub(crate) fn written(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut head = Vec::new();
        for (name, value) in headers {
            head.push(u8::try_from(name.len()).unwrap());
            head.extend_from_slice(name.as_bytes());
            head.push(7);
            head.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            head.extend_from_slice(value.as_bytes());
        }
        let total = u32::try_from(FRAME_BYTES_MIN + head.len() + payload.len()).unwrap();
        let mut out = total.to_be_bytes().to_vec();
        out.extend_from_slice(&u32::try_from(head.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&checksum(&out).to_be_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(payload);
        out.extend_from_slice(&checksum(&out).to_be_bytes());
        out
    }

    /// An event as the service frames it.
    pub(crate) fn event(name: &str, payload: &str) -> Vec<u8> {
        let headers = [
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        written(&headers, payload.as_bytes())
    }

    fn read(bytes: &[u8]) -> Result<Frame, StreamError> {
        Frame::read(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_recorded_frame_is_read() {
        // The `messageStop` of a real stream, its padding included.
        let recorded = b"\0\0\0\x83\0\0\0\x51\x8f\x08tI\x0b:event-type\x07\0\x0bmessageStop\x0d:content-type\x07\0\x10application/json\x0d:message-type\x07\0\x05event{\"p\":\"ab\",\"stopReason\":\"end_turn\"}\x90V\xe9\xa4";
        assert_eq!(length(recorded, 1000).unwrap(), Some(recorded.len()));
        let frame = read(recorded).unwrap();
        let event = frame.event();
        assert_eq!(event.name, Some("messageStop"));
        assert_eq!(&*event.data, br#"{"p":"ab","stopReason":"end_turn"}"#);
        assert_eq!(
            super::tests::event("messageStop", r#"{"p":"ab","stopReason":"end_turn"}"#),
            recorded
        );
    }

    #[test]
    fn a_frame_with_one_wrong_byte_is_refused_and_a_huge_one_is_not_waited_for() {
        let good = event("metadata", "{}");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(matches!(read(&bad), Err(StreamError::Garbage(_))), "byte {at}");
        }
        assert_eq!(length(&good[..3], 1000).unwrap(), None);
        assert!(matches!(length(&[0, 0, 0, 15], 1000), Err(StreamError::Garbage(_))));
        let huge = length(&[1, 0, 0, 0], 1000);
        assert_eq!(huge, Err(StreamError::TooLarge { limit_bytes: 1000 }));
    }

    #[test]
    fn a_frame_may_tell_an_error() {
        let exception = written(
            &[(":exception-type", "throttlingException"), (":message-type", "exception")],
            br#"{"message":"Too many requests"}"#,
        );
        let Err(StreamError::Upstream(error)) = read(&exception) else { panic!() };
        assert_eq!((error.status, error.message.as_str()), (429, "Too many requests"));
        let error = written(
            &[
                (":error-code", "InternalFailure"),
                (":error-message", "it \"broke\""),
                (":message-type", "error"),
            ],
            b"",
        );
        let Err(StreamError::Upstream(error)) = read(&error) else { panic!() };
        assert_eq!((error.status, error.message.as_str()), (500, "it \"broke\""));
        assert_eq!(error.kind.as_deref(), Some("InternalFailure"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), headers in 0_u32..60) {
            let _ = (length(&bytes, 100), read(&bytes));
            // The same behind a prelude that is right, so that the inside is reached.
            if bytes.len() >= FRAME_BYTES_MIN {
                let total = u32::try_from(bytes.len()).unwrap();
                bytes[..4].copy_from_slice(&total.to_be_bytes());
                bytes[4..8].copy_from_slice(&headers.to_be_bytes());
                let sum = checksum(&bytes[..8]);
                bytes[8..12].copy_from_slice(&sum.to_be_bytes());
                let _ = read(&bytes);
            }
        }
    }
}
