//! The simulator's tokenizer: a cheap rule instead of a vocabulary (see the crate's page).

/// Bytes of a word that one token holds.
const WORD_BYTES: usize = 16;
/// Bytes of JSON that one token holds.
const JSON_BYTES: usize = 4;

/// Tokens of a message beside its text.
pub(crate) const MESSAGE_TOKENS: u64 = 4;
/// Tokens of a tool beside its name and schema.
pub(crate) const TOOL_TOKENS: u64 = 4;
/// Tokens of an image of any size.
pub(crate) const IMAGE_TOKENS: u64 = 85;

/// Tokens of plain text: one per word, and one more per further 16 bytes of a long word.
pub fn text_tokens(text: &str) -> u64 {
    let mut counter = WordCounter::default();
    text.bytes().filter(|byte| counter.starts_token(*byte)).fold(0, |count, _| count + 1)
}

/// Tokens of JSON a model wrote: one per started 4 bytes.
pub fn json_tokens(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(JSON_BYTES)).unwrap_or(u64::MAX)
}

/// Tells byte by byte where tokens begin.
#[derive(Debug, Default)]
pub(crate) struct WordCounter {
    run: usize,
}

impl WordCounter {
    /// Whether this byte is the first of a token.
    pub(crate) const fn starts_token(&mut self, byte: u8) -> bool {
        if byte.is_ascii_whitespace() {
            self.run = 0;
            return false;
        }
        let starts = self.run.is_multiple_of(WORD_BYTES);
        self.run += 1;
        starts
    }
}

/// How the tokens of a piece of output are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// By words.
    Words,
    /// By bytes of JSON.
    Json,
}

impl Measure {
    /// Tokens of a text.
    pub(crate) fn count(self, text: &str) -> u64 {
        match self {
            Measure::Words => text_tokens(text),
            Measure::Json => json_tokens(text),
        }
    }

    /// Where the next `tokens` tokens after byte `from` end, on a character boundary, and how many
    /// they are. `from` must be such an end itself (or 0), so that the parts add up to the whole.
    pub(crate) fn advance(self, text: &str, from: usize, tokens: u64) -> (usize, u64) {
        match self {
            Measure::Words => advance_words(text, from, tokens),
            Measure::Json => {
                let step = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(JSON_BYTES);
                let aimed = from.saturating_add(step).min(text.len());
                let mut end = text.floor_char_boundary(aimed);
                if end <= from {
                    end = text.ceil_char_boundary(aimed);
                }
                (end, json_tokens(&text[..end]).saturating_sub(json_tokens(&text[..from])))
            }
        }
    }

    /// The longest beginning of a text that holds at most `tokens` tokens.
    pub(crate) fn cut(self, text: &str, tokens: u64) -> &str {
        match self {
            Measure::Words => cut_words(text, tokens),
            Measure::Json => {
                let bytes = usize::try_from(tokens).unwrap_or(usize::MAX);
                &text[..text.floor_char_boundary(bytes.saturating_mul(JSON_BYTES).min(text.len()))]
            }
        }
    }
}

fn cut_words(text: &str, tokens: u64) -> &str {
    let mut counter = WordCounter::default();
    let starts = text.bytes().enumerate().filter(|(_, byte)| counter.starts_token(*byte));
    match starts.map(|(offset, _)| offset).nth(usize::try_from(tokens).unwrap_or(usize::MAX)) {
        Some(next) => text[..text.floor_char_boundary(next)].trim_ascii_end(),
        None => text,
    }
}

/// A token's text is the blanks before it and its own bytes; a token is never cut inside a
/// character, even if a long word's 16 bytes end there, so such a cut moves to the character's end.
fn advance_words(text: &str, from: usize, tokens: u64) -> (usize, u64) {
    let mut counter = WordCounter::default();
    let mut seen = 0;
    for (offset, byte) in text.bytes().enumerate().skip(from) {
        if counter.starts_token(byte) {
            if seen >= tokens && text.is_char_boundary(offset) {
                let blanks = text[from..offset].trim_end_matches([' ', '\n', '\t', '\r']).len();
                return (from + blanks, seen);
            }
            seen += 1;
        }
    }
    (text.len(), seen)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_count_one_and_long_words_by_sixteen_bytes() {
        for (text, tokens) in
            [("", 0), ("  ", 0), ("one two\nthree", 3), (&"x".repeat(16), 1), (&"x".repeat(33), 3)]
        {
            assert_eq!(text_tokens(text), tokens, "{text}");
        }
        assert_eq!(json_tokens("{\"a\":1}"), 2);
    }

    proptest! {
        #[test]
        fn json_cut_in_steps_adds_up_to_the_whole(text in "[a-z{}\":é🙂]{0,60}", step in 1u64..5) {
            let (mut at, mut sum) = (0, 0);
            while at < text.len() {
                let (end, tokens) = Measure::Json.advance(&text, at, step);
                prop_assert!(end > at);
                sum += tokens;
                at = end;
            }
            prop_assert_eq!(sum, json_tokens(&text));
        }

        #[test]
        fn words_cut_in_steps_add_up_to_the_whole(text in "([a-zé]{1,12} ){0,20}", step in 1u64..5) {
            prop_assume!(text.split(' ').all(|word| word.len() <= 16));
            let (mut at, mut sum) = (0, 0);
            while at < text.len() {
                let (end, tokens) = Measure::Words.advance(&text, at, step);
                prop_assert!(end > at);
                sum += tokens;
                at = end;
            }
            prop_assert_eq!(sum, text_tokens(&text));
        }

        #[test]
        fn a_cut_never_holds_more_than_allowed(text in "\\PC{0,80}", tokens in 0u64..20) {
            prop_assert!(text_tokens(Measure::Words.cut(&text, tokens)) <= tokens);
            prop_assert!(json_tokens(Measure::Json.cut(&text, tokens)) <= tokens);
        }
    }
}
