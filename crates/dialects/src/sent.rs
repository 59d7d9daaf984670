//! The body of a request as it is sent: in one piece, or as the client's own bytes with what policy
//! changed between them, so that a body of megabytes is not copied for the sake of a word.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::json::Sink;

/// Up to this size a changed body is written anew, bytes: that costs less than several writes to a
/// socket.
pub(crate) const COPIED_BYTES_MAX: usize = 64 << 10;

/// What is sent to a provider.
#[derive(Debug, Clone)]
pub struct SentBody(Pieces);

#[derive(Debug, Clone)]
enum Pieces {
    One(Bytes),
    Several(Vec<Bytes>),
}

impl SentBody {
    /// Its size, bytes.
    pub fn len(&self) -> usize {
        self.pieces().iter().map(Bytes::len).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces to send one after the other, at least one.
    pub fn pieces(&self) -> &[Bytes] {
        match &self.0 {
            Pieces::One(piece) => std::slice::from_ref(piece),
            Pieces::Several(pieces) => pieces,
        }
    }

    /// All of it; a copy where it is in several pieces.
    pub fn whole(&self) -> Cow<'_, [u8]> {
        match self.pieces() {
            [piece] => Cow::Borrowed(piece),
            pieces => Cow::Owned(pieces.concat()),
        }
    }
}

impl<T: AsRef<[u8]>> PartialEq<T> for SentBody {
    fn eq(&self, other: &T) -> bool {
        self.whole() == other.as_ref()
    }
}

impl From<Bytes> for SentBody {
    fn from(body: Bytes) -> Self {
        Self(Pieces::One(body))
    }
}

impl From<Vec<u8>> for SentBody {
    fn from(body: Vec<u8>) -> Self {
        Bytes::from(body).into()
    }
}

impl From<String> for SentBody {
    fn from(body: String) -> Self {
        Bytes::from(body).into()
    }
}

/// Collects pieces of a body that is changed here and there.
pub(crate) struct Splicer {
    source: Bytes,
    /// Kept bytes of the source that follow `pieces`.
    run: Range<usize>,
    /// New text that follows them; one of both is empty.
    made: String,
    pieces: Vec<Bytes>,
}

impl Splicer {
    /// For changes of `source`.
    pub(crate) fn new(source: Bytes) -> Self {
        Self { source, run: 0..0, made: String::new(), pieces: Vec::new() }
    }

    fn flush(&mut self) {
        if !self.run.is_empty() {
            self.pieces.push(self.source.slice(std::mem::take(&mut self.run)));
        }
        if !self.made.is_empty() {
            self.pieces.push(std::mem::take(&mut self.made).into());
        }
    }

    /// The body.
    pub(crate) fn finish(mut self) -> SentBody {
        self.flush();
        SentBody(Pieces::Several(self.pieces))
    }
}

impl Sink for Splicer {
    fn keep(&mut self, range: Range<usize>) {
        if self.made.is_empty() && self.run.end == range.start {
            self.run.end = range.end;
        } else {
            self.flush();
            self.run = range;
        }
    }

    fn put(&mut self, text: &str) {
        if self.made.is_empty() {
            self.flush();
        }
        self.made.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Edit, Object};

    #[test]
    fn a_large_body_is_sent_in_the_clients_own_bytes_and_a_small_one_in_one_piece() {
        for (size, pieces) in [(COPIED_BYTES_MAX, 6), (9, 1)] {
            let picture = "A".repeat(size);
            let body = Bytes::from(format!(
                r#"{{"a":1,"model":"x","picture":"{picture}" , "own":2,"b":[ 3 ]}}"#
            ));
            let text = std::str::from_utf8(&body).unwrap();
            let edit = |key: &str, _: &str| match key {
                "model" => Some(Edit::Replace("\"y\"".to_owned())),
                "own" => Some(Edit::Remove),
                _ => None,
            };
            let sent = Object::scan(text).unwrap().respelled(&body, edit, &[("c", "4".to_owned())]);
            let expected =
                format!(r#"{{"a":1,"model":"y","picture":"{picture}","b":[ 3 ],"c":4}}"#);
            assert_eq!(sent.whole(), expected.as_bytes());
            assert_eq!((sent.len(), sent.pieces().len()), (expected.len(), pieces));
            assert!(sent.pieces().iter().all(|piece| !piece.is_empty()));
            let own = body.as_ptr_range();
            assert_eq!(pieces > 1, own.contains(&sent.pieces()[0].as_ptr()));
        }
        let body = Bytes::from("{\"model\":\"x\"}".to_owned());
        let same = Object::scan("{\"model\":\"x\"}").unwrap().respelled(&body, |_, _| None, &[]);
        assert_eq!(same.pieces()[0].as_ptr(), body.as_ptr());
    }
}
