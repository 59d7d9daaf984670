//! A stream of server-sent events told as one JSON array that grows: what a client of one vendor
//! receives when it does not ask for events.

use bytes::Bytes;

use crate::sse::{Event, Framer};

/// Turns whole events, as [`crate::StreamTranscoder`] and [`crate::encode_stream_error`] give them,
/// into elements of an array.
#[derive(Debug, Default)]
pub struct EventArray {
    is_open: bool,
}

impl EventArray {
    /// The elements of whole events.
    pub fn push(&mut self, events: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(events.len());
        let mut rest = events;
        while !rest.is_empty() {
            let mut framer = Framer::default();
            // The end stands for a blank line that is not there.
            let length = framer.find(rest).unwrap_or(rest.len());
            if let Some(event) = Event::parse(&rest[..length]) {
                out.extend_from_slice(if self.is_open { b",\r\n" } else { b"[" });
                out.extend_from_slice(event.data.trim_ascii());
                self.is_open = true;
            }
            rest = &rest[length..];
        }
        out.into()
    }

    /// The end of the array.
    pub fn finish(&mut self) -> Bytes {
        Bytes::from_static(if self.is_open { b"]" } else { b"[]" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_one_array() {
        let mut array = EventArray::default();
        let mut out = array.push(b"data: {\"a\":1}\r\n\r\ndata: {\"a\":2}\r\n\r\n").to_vec();
        out.extend_from_slice(&array.push(b": comment\n\n"));
        out.extend_from_slice(&array.push(b"data: {\"a\":\ndata: 3}\n\n"));
        out.extend_from_slice(&array.finish());
        let list: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(list, serde_json::json!([{"a": 1}, {"a": 2}, {"a": 3}]));
        assert_eq!(EventArray::default().finish(), "[]");
    }
}
