//! Calls of a streamed answer in the order this dialect tells them: one block after the other, each
//! whole before the next begins. Providers that tell the arguments of several calls in turns are
//! rare, so that a call waits only while the one before it is incomplete.

use std::collections::VecDeque;

/// Arguments of waiting calls kept at most, bytes. Beyond it the open call ends where it is.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// A call that has begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// 0, 1, … within the answer.
    pub(super) index: u32,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) signature: Option<String>,
    /// Arguments told while it waited.
    pub(super) json: String,
}

/// Calls that wait for their turn.
#[derive(Default)]
pub(super) struct Queue {
    calls: VecDeque<Call>,
    bytes: usize,
}

impl Queue {
    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether it holds all it may.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= WAITING_BYTES_MAX
    }

    pub(super) fn push(&mut self, call: Call) {
        self.bytes = self.bytes.saturating_add(call.id.len() + call.name.len() + 64);
        self.calls.push_back(call);
    }

    /// More arguments of a waiting call.
    pub(super) fn extend(&mut self, index: u32, json: &str) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.index == index) {
            self.bytes = self.bytes.saturating_add(json.len());
            call.json.push_str(json);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Call> {
        let call = self.calls.pop_front();
        if self.calls.is_empty() {
            self.bytes = 0;
        }
        call
    }
}

/// How far the JSON text of an object has come.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: u32,
    in_string: bool,
    is_escaped: bool,
    has_begun: bool,
}

impl Nesting {
    pub(super) fn push(&mut self, json: &str) {
        for byte in json.bytes() {
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth = self.depth.saturating_add(1);
                    self.has_begun = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether it is complete.
    pub(super) fn is_whole(&self) -> bool {
        self.has_begun && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_whole_at_its_last_brace_and_not_before() {
        let json = r#"{"a":["}",{"b\"":"\\"}]}"#;
        let mut nesting = Nesting::default();
        for (at, piece) in json.char_indices() {
            assert!(!nesting.is_whole(), "at {at}");
            nesting.push(&piece.to_string());
        }
        assert!(nesting.is_whole());
    }

    #[test]
    fn waiting_calls_leave_in_order_and_what_waits_is_bounded() {
        let call = |index| Call {
            index,
            id: String::new(),
            name: String::new(),
            signature: None,
            json: String::new(),
        };
        let mut queue = Queue::default();
        queue.push(call(1));
        queue.push(call(2));
        queue.extend(2, "{}");
        queue.extend(7, "lost");
        assert!(!queue.is_full());
        queue.extend(1, &"x".repeat(WAITING_BYTES_MAX));
        assert!(queue.is_full());
        assert_eq!(queue.pop().map(|call| call.index), Some(1));
        assert_eq!(queue.pop().map(|call| call.json), Some("{}".to_owned()));
        assert!(queue.pop().is_none() && queue.is_empty() && !queue.is_full());
    }
}
