//! Lines out of bytes that pass by, one at a time in memory, and no more of one than a stated limit.

use events::Dialect;
use memchr::{memchr, memmem};
use sha2::{Digest, Sha256};

use super::line::{BatchAnswer, BatchLine};

/// Longest line that is read, bytes. An answer of the largest model is a tenth of it.
pub const BATCH_LINE_BYTES_MAX: usize = 8 << 20;
/// Where a line must say that it is one of results, if it is too long to be read, bytes.
const HEAD_BYTES: usize = 64 << 10;

/// Cuts what passes by into lines and reads them.
pub struct BatchLines {
    hint: Dialect,
    bytes_max: usize,
    line: Vec<u8>,
    state: State,
}

enum State {
    /// The line is kept to be read.
    Kept,
    /// It cannot be a line of results.
    Skipped,
    /// It is too long, and looked like one of results.
    Hashed(Box<Sha256>),
}

impl BatchLines {
    /// Reads results of a provider that speaks this dialect.
    pub fn new(hint: Dialect) -> Self {
        Self::limited(hint, BATCH_LINE_BYTES_MAX)
    }

    fn limited(hint: Dialect, bytes_max: usize) -> Self {
        Self { hint, bytes_max, line: Vec::new(), state: State::Kept }
    }

    /// Takes the next bytes; gives the lines of results that end in them, in order. Whatever else ends
    /// in them is passed over.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<BatchLine> {
        let mut found = Vec::new();
        while let Some(end) = memchr(b'\n', bytes) {
            self.extend(bytes.get(..end).unwrap_or_default());
            found.extend(self.end());
            bytes = bytes.get(end + 1..).unwrap_or_default();
        }
        self.extend(bytes);
        found
    }

    /// The last line, where nothing ends it but the end of the file.
    pub fn end(&mut self) -> Option<BatchLine> {
        let state = std::mem::replace(&mut self.state, State::Kept);
        let read = match state {
            State::Kept => BatchLine::read(&self.line, self.hint),
            State::Skipped => None,
            State::Hashed(hash) => {
                let name: String =
                    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
                Some(BatchLine::nothing(format!("sha256:{name}"), BatchAnswer::Unread))
            }
        };
        self.line.clear();
        read
    }

    /// Memory the line under way takes, bytes.
    pub fn bytes_held(&self) -> usize {
        self.line.capacity()
    }

    /// Takes more of the line under way.
    fn extend(&mut self, part: &[u8]) {
        match &mut self.state {
            State::Skipped => return,
            State::Hashed(hash) => {
                hash.update(part);
                return;
            }
            State::Kept => {}
        }
        if self.line.len().saturating_add(part.len()) <= self.bytes_max {
            self.line.extend_from_slice(part);
            // Pictures and archives have no lines; what does not begin as an object is none of ours.
            let first = self.line.iter().find(|byte| !byte.is_ascii_whitespace());
            if first.is_some_and(|byte| *byte != b'{') {
                self.state = State::Skipped;
                self.line = Vec::new();
            }
            return;
        }
        self.state = State::Skipped;
        let mut line = std::mem::take(&mut self.line);
        let room = self.bytes_max.saturating_sub(line.len());
        let (kept, rest) = part.split_at(room.min(part.len()));
        line.extend_from_slice(kept);
        if is_of_results(&line) {
            let mut hash = Box::new(Sha256::new());
            hash.update(&line);
            hash.update(rest);
            self.state = State::Hashed(hash);
        }
    }
}

/// Whether a line that is too long looks like one of results, by how it begins.
fn is_of_results(line: &[u8]) -> bool {
    let head = line.get(..HEAD_BYTES).unwrap_or(line);
    let has = |name: &[u8]| memmem::find(head, name).is_some();
    has(b"\"custom_id\"") && (has(b"\"response\"") || has(b"\"result\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HINT: Dialect = Dialect::OpenaiChat;

    fn line(n: usize, padding: usize) -> String {
        let text = "x".repeat(padding);
        format!(
            r#"{{"id":"batch_req_{n}","custom_id":"c{n}","response":{{"status_code":200,"body":{{"model":"m","usage":{{"prompt_tokens":{n},"completion_tokens":1}},"text":"{text}"}}}},"error":null}}"#
        )
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_is_read() {
        let file = format!("{}\n{}\n{}", line(1, 10), line(2, 5_000), line(3, 10));
        let mut lines = BatchLines::limited(HINT, 1_000);
        let mut read = Vec::new();
        for part in file.as_bytes().chunks(100) {
            read.extend(lines.push(part));
            assert!(lines.bytes_held() <= 2_048, "{}", lines.bytes_held());
        }
        read.extend(lines.end());
        let answers: Vec<BatchAnswer> = read.iter().map(|line| line.answer).collect();
        assert_eq!(answers, [BatchAnswer::Given, BatchAnswer::Unread, BatchAnswer::Given]);
        assert!(read[1].custom_id.starts_with("sha256:") && read[1].usage.is_none());
        assert_eq!(read[1].custom_id.len(), 7 + 32);
        // However it arrives it is the same line.
        let mut whole = BatchLines::limited(HINT, 1_000);
        assert_eq!(whole.push(file.as_bytes())[1], read[1]);
    }

    #[test]
    fn what_has_no_lines_of_results_takes_no_memory() {
        let mut lines = BatchLines::new(HINT);
        assert!(lines.push(&[0x89; 100_000]).is_empty());
        assert_eq!(lines.bytes_held(), 0);
        assert_eq!(lines.end(), None);
    }

    proptest! {
        #[test]
        fn any_split_of_a_file_gives_the_same_lines(
            cuts in proptest::collection::vec(0_usize..2_000, 0..8),
            ends in any::<bool>(),
        ) {
            let mut file: String = (0..5).map(|n| line(n, n * 40) + "\n\r\n").collect();
            if !ends {
                file.truncate(file.trim_end().len());
            }
            let mut whole = BatchLines::new(HINT);
            let mut expected = whole.push(file.as_bytes());
            expected.extend(whole.end());
            prop_assert_eq!(expected.len(), 5);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % file.len()).collect();
            cuts.extend([0, file.len()]);
            cuts.sort_unstable();
            let (mut lines, mut read) = (BatchLines::new(HINT), Vec::new());
            for pair in cuts.windows(2) {
                read.extend(lines.push(&file.as_bytes()[pair[0]..pair[1]]));
            }
            read.extend(lines.end());
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[{}\\[\\]\",:a-z_ \\n]{0,200}") {
            let mut lines = BatchLines::limited(HINT, 64);
            lines.push(&bytes);
            lines.push(text.as_bytes());
            lines.end();
        }
    }
}
