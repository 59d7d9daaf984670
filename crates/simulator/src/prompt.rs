//! A prompt as the simulator sees it: a running hash, a token count, and the places where a
//! provider's prompt cache may begin to serve. The text itself is not kept.

use crate::dice::{mix, scramble};
use crate::tokens::WordCounter;

/// Shortest prefix a cache keeps, tokens.
pub(crate) const CACHEABLE_TOKENS_MIN: u64 = 1024;
/// Steps a cache grows by on its own, tokens.
const STEP_TOKENS: u64 = 128;

/// How long a marked prefix stays cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Five minutes.
    FiveMinutes,
    /// One hour.
    OneHour,
}

/// The beginning of a prompt up to some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// Tokens before that place.
    pub(crate) tokens: u64,
    /// Hash of all before it.
    pub(crate) hash: u64,
}

/// What a prompt adds up to, fed piece by piece in the order the model reads it.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    hash: u64,
    tokens: u64,
    next_step: u64,
    steps: Vec<Prefix>,
    marks: Vec<(Prefix, Lifetime)>,
    documents: usize,
    to_cite: Option<Document>,
}

/// A document among those of a prompt.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its place among them.
    pub(crate) index: usize,
    /// What it is called.
    pub(crate) name: String,
}

impl Prompt {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            tokens: 0,
            next_step: CACHEABLE_TOKENS_MIN,
            steps: Vec::new(),
            marks: Vec::new(),
            documents: 0,
            to_cite: None,
        }
    }

    /// Notes that what was added was a document; the first that is to be cited is.
    pub(crate) fn document(&mut self, name: &str, is_cited: bool) {
        if is_cited && self.to_cite.is_none() {
            self.to_cite = Some(Document { index: self.documents, name: name.to_owned() });
        }
        self.documents += 1;
    }

    /// The document the answer is to cite.
    pub(crate) const fn to_cite(&self) -> Option<&Document> {
        self.to_cite.as_ref()
    }

    /// Adds text; a piece never shares a word with the one before it.
    pub(crate) fn text(&mut self, text: &str) {
        let mut counter = WordCounter::default();
        for byte in text.bytes() {
            if counter.starts_token(byte) {
                self.step();
                self.tokens += 1;
            }
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.hash = scramble(self.hash);
    }

    /// Adds something of a known size that is told apart by `identity`.
    pub(crate) fn fixed(&mut self, tokens: u64, identity: u64) {
        self.step();
        self.tokens += tokens;
        self.hash = mix(self.hash, identity);
    }

    /// Marks this place as the end of a prefix to cache.
    pub(crate) fn mark(&mut self, lifetime: Lifetime) {
        self.marks.push((Prefix { tokens: self.tokens, hash: self.hash }, lifetime));
    }

    /// Hash of everything.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Tokens of everything.
    pub(crate) const fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Prefixes a cache may keep on its own: about every 128 tokens from 1,024 on.
    pub(crate) fn steps(&self) -> &[Prefix] {
        &self.steps
    }

    /// Prefixes the client marked, in order.
    pub(crate) fn marks(&self) -> &[(Prefix, Lifetime)] {
        &self.marks
    }

    /// Records a step when the next token lies beyond one.
    fn step(&mut self) {
        if self.tokens >= self.next_step {
            let tokens = self.tokens / STEP_TOKENS * STEP_TOKENS;
            self.steps.push(Prefix { tokens, hash: self.hash });
            self.next_step = tokens + STEP_TOKENS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_beginnings_share_their_steps() {
        let beginning = "word ".repeat(1500);
        let steps = |rest: &str| {
            let mut prompt = Prompt::new();
            prompt.text(&format!("{beginning}{rest}"));
            prompt.steps().to_vec()
        };
        let (one, two) = (steps("and a question"), steps("but another one"));
        assert_eq!(one, two);
        assert_eq!(one.iter().map(|p| p.tokens).collect::<Vec<_>>(), [1024, 1152, 1280, 1408]);
    }

    #[test]
    fn a_short_prompt_has_no_steps() {
        let mut prompt = Prompt::new();
        prompt.text(&"word ".repeat(1024));
        assert_eq!((prompt.tokens(), prompt.steps().len()), (1024, 0));
    }
}
