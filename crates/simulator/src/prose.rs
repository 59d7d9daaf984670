//! Text drawn by seed from a small vocabulary, one token a word. It must never know who asks.

use crate::dice::Dice;

/// Words no longer than 16 bytes, so that each is one token. The last row holds what breaks naive
/// code: quotes, a backslash, an angle bracket, and characters of two, three and four bytes.
const WORDS: [&str; 64] = [
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "that",
    "it",
    "for",
    "with",
    "as",
    "on",
    "be",
    "at",
    "by",
    "this",
    "from",
    "or",
    "an",
    "which",
    "one",
    "all",
    "can",
    "more",
    "when",
    "time",
    "each",
    "first",
    "between",
    "answer",
    "question",
    "model",
    "request",
    "service",
    "customer",
    "team",
    "report",
    "value",
    "because",
    "should",
    "would",
    "often",
    "small",
    "large",
    "change",
    "result",
    "number",
    "reason",
    "result,",
    "first,",
    "today,",
    "again.",
    "done.",
    "clear.",
    "always",
    "never",
    "\"quoted\"",
    "back\\slash",
    "a<b",
    "café",
    "naïve",
    "Zürich",
    "東京",
    "🙂",
];

/// `words` words separated by single spaces.
pub(crate) fn words(dice: &mut Dice, words: u64) -> String {
    let mut text = String::with_capacity(usize::try_from(words.min(1 << 20)).unwrap_or(0) * 7);
    for position in 0..words {
        if position > 0 {
            text.push(' ');
        }
        text.push_str(word(dice));
    }
    text
}

/// Words until the text is exactly `bytes` long.
pub(crate) fn bytes(dice: &mut Dice, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes.saturating_add(16));
    while text.len() < bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word(dice));
    }
    text.truncate(text.floor_char_boundary(bytes));
    while text.len() < bytes {
        text.push('.');
    }
    text
}

/// One plain word: letters alone.
pub(crate) fn plain_word(dice: &mut Dice) -> &'static str {
    WORDS[dice.index(40)]
}

fn word(dice: &mut Dice) -> &'static str {
    WORDS[dice.index(WORDS.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::text_tokens;

    #[test]
    fn a_text_has_as_many_tokens_as_words_asked_for() {
        for count in [0, 1, 24, 999] {
            assert_eq!(text_tokens(&words(&mut Dice::new(3), count)), count);
        }
    }

    #[test]
    fn a_text_has_exactly_the_bytes_asked_for() {
        for count in 0..200 {
            assert_eq!(bytes(&mut Dice::new(u64::try_from(count).unwrap()), count).len(), count);
        }
    }
}
