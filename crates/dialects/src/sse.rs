//! Server-sent events as bytes arrive: where an event ends, what it says, how one is written.
//!
//! Follows the WHATWG parsing rules (LF, CR and CRLF, comments, several data lines, a BOM). It must
//! never know what the data of an event means.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Largest event, in bytes with its line ends. Beyond it a stream is refused, so that one upstream
/// cannot make the gateway hold an endless line.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// The same for dialects whose events may hold a whole answer or a picture: 32 MiB, above the
/// largest picture a vendor documents (25 MB of base64).
pub(crate) const WHOLE_EVENT_BYTES_MAX: usize = 32 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Finds ends of events; remembers how far it has looked, so that each byte is looked at once
/// however finely the stream is cut.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    scanned: usize,
    line_start: usize,
    end: Option<usize>,
}

impl Framer {
    /// The length of the first event in `buffer`, its closing blank line included; `None` while it is
    /// incomplete. `buffer` must begin as at the last call until [`Framer::consume`] is called.
    ///
    /// A carriage return at the very end waits for the next byte, which may belong to it: otherwise
    /// the same stream cut elsewhere would give other events.
    pub(crate) fn find(&mut self, buffer: &[u8]) -> Option<usize> {
        while self.end.is_none() {
            let rest = buffer.get(self.scanned..)?;
            let Some(found) = memchr2(b'\n', b'\r', rest) else {
                self.scanned = buffer.len();
                return None;
            };
            let at = self.scanned + found;
            let is_cr = rest[found] == b'\r';
            let next = match (is_cr, rest.get(found + 1)) {
                (true, None) => {
                    self.scanned = at;
                    return None;
                }
                (true, Some(b'\n')) => at + 2,
                _ => at + 1,
            };
            if at == self.line_start {
                self.end = Some(next);
            }
            self.scanned = next;
            self.line_start = next;
        }
        self.end
    }

    /// Forgets the event found; the next buffer begins after it.
    pub(crate) fn consume(&mut self) {
        *self = Self::default();
    }
}

/// `bytes` without a leading byte order mark.
pub(crate) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// What one event says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// The `event:` field.
    pub(crate) name: Option<&'a str>,
    /// The `data:` lines joined by line feeds.
    pub(crate) data: Cow<'a, [u8]>,
}

impl<'a> Event<'a> {
    /// Reads one event; `None` when it has no data (comments, `retry`, blank lines).
    pub(crate) fn parse(raw: &'a [u8]) -> Option<Self> {
        let mut name = None;
        let mut data: Option<Cow<'a, [u8]>> = None;
        for line in raw.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let (field, value) = match memchr(b':', line) {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &line[line.len()..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"data" => match &mut data {
                    Some(joined) => {
                        let joined = joined.to_mut();
                        joined.push(b'\n');
                        joined.extend_from_slice(value);
                    }
                    None => data = Some(Cow::Borrowed(value)),
                },
                b"event" => name = std::str::from_utf8(value).ok().filter(|name| !name.is_empty()),
                _ => {}
            }
        }
        data.map(|data| Event { name, data })
    }
}

/// Writes an event with the lines of `data`.
pub(crate) fn write_data(out: &mut Vec<u8>, data: &str) {
    for line in data.split('\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_of(raw: &str) -> Option<(Option<&str>, String)> {
        let event = Event::parse(raw.as_bytes())?;
        Some((event.name, String::from_utf8(event.data.into_owned()).unwrap()))
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        for (raw, name, data) in [
            ("data: a\n\n", None, "a"),
            ("data:a\r\n\r\n", None, "a"),
            ("data:  a\r\r", None, " a"),
            (": note\ndata: a\ndata: b\ndata\nid: 7\n\n", None, "a\nb\n"),
            ("data: a\nevent: error\n\n", Some("error"), "a"),
            ("event:\ndata: {\"x\":1}\n\n", None, "{\"x\":1}"),
        ] {
            assert_eq!(event_of(raw), Some((name, data.to_owned())), "{raw:?}");
        }
        for raw in ["\n", ": comment\n\n", "event: ping\n\n", "retry: 5\n\n", "database: x\n\n"] {
            assert_eq!(event_of(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn an_event_ends_at_its_blank_line_however_lines_end() {
        for (stream, lengths) in [
            ("data: a\n\ndata: b\n\n", &[9, 9][..]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", &[11, 11]),
            ("\n\ndata: a\n\n", &[1, 1, 9]),
            ("data: a\r\rx", &[9]),
            ("data: a\n", &[]),
            ("data: a\r\n\r", &[]),
        ] {
            let mut framer = Framer::default();
            let (mut found, mut at) = (Vec::new(), 0);
            while let Some(length) = framer.find(&stream.as_bytes()[at..]) {
                framer.consume();
                found.push(length);
                at += length;
            }
            assert_eq!(found, lengths, "{stream:?}");
        }
    }
}
