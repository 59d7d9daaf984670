//! Text that a spreadsheet must show and never run. It must never know which cell it is for.

use std::borrow::Cow;

/// Makes a text safe as a cell of a CSV file: what a spreadsheet could take for a formula gets an
/// apostrophe in front, which spreadsheets read as "this is text".
///
/// The original is always recovered by removing one leading apostrophe, because a text that already
/// has one gets another. Numbers must not pass through here: a negative amount is no formula.
pub fn neutralise(text: &str) -> Cow<'_, str> {
    // Importers trim or skip these before they look for a formula.
    let visible = text.trim_start_matches(|c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    });
    let starts_formula = visible.starts_with(FORMULA_STARTS);
    if starts_formula || text.starts_with(|c: char| c == '\'' || c.is_control()) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// What starts a formula, and the full-width forms some programs fold to the same.
const FORMULA_STARTS: [char; 8] =
    ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_starts_a_formula_is_marked_as_text_and_nothing_else_is_touched() {
        for hostile in [
            "=1+1",
            "+1",
            "-2+3",
            "@SUM(A1)",
            " =1",
            "\t=1",
            "\r\n=1",
            "\tx",
            "\u{feff}=1",
            "\u{200b}@x",
            "\u{ff1d}1",
            "'x",
            "=HYPERLINK(\"http://x\",\"y\")",
        ] {
            assert_eq!(neutralise(hostile), format!("'{hostile}"), "{hostile:?}");
        }
        for harmless in ["", "search", "a=b", "1-2", "ä", " x", "(untagged)", "a'b", "\"=1"] {
            assert_eq!(neutralise(harmless), harmless);
        }
    }

    proptest! {
        #[test]
        fn the_original_is_recovered_by_removing_one_apostrophe(text in any::<String>()) {
            let safe = neutralise(&text);
            prop_assert!(!safe.starts_with(FORMULA_STARTS));
            prop_assert_eq!(safe.strip_prefix('\'').unwrap_or(&safe), text.as_str());
        }
    }
}
