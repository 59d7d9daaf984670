//! Text and instants as literals of SQL, so that a value can never become part of a statement.
//!
//! It must never know what the values mean.

use units::UnixMicros;

/// Text as a literal that reads back as exactly that text. What a person could not see in a statement
/// (line breaks, other control characters, marks that turn the direction of writing) is written as an
/// escape, so that the statement shown is the statement run.
pub(crate) fn text(value: &str) -> String {
    let is_plain = !value.chars().any(is_invisible);
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push_str(if is_plain { "'" } else { "E'" });
    for character in value.chars() {
        match character {
            '\'' => literal.push_str("''"),
            '\\' if !is_plain => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            character if is_invisible(character) => push_escape(&mut literal, character),
            character => literal.push(character),
        }
    }
    literal.push('\'');
    literal
}

/// Texts as literals, separated by commas.
pub(crate) fn list<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.map(text).collect::<Vec<_>>().join(", ")
}

/// An instant as a literal; compared with a time column it takes that column's type. What lies outside
/// of the instants the engine reads, before 1678 or after 2262, is taken for the end of those.
pub(crate) fn instant(at: UnixMicros) -> String {
    const END_US: i64 = i64::MAX / 1_000;
    format!("'{}'", UnixMicros::new(at.get().clamp(-END_US, END_US)))
}

/// Control characters, and those that reorder or hide what stands beside them. NUL has no escape and
/// is written as it is.
fn is_invisible(character: char) -> bool {
    (character.is_control() && character != '\0')
        || matches!(
            character,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{061c}'
                | '\u{feff}'
        )
}

fn push_escape(literal: &mut String, character: char) {
    literal.push_str(&format!("\\u{:04X}", u32::from(character)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_backslashes_are_plain_unless_escapes_are_in_force() {
        for (value, literal) in [
            ("search", "'search'"),
            ("it's", "'it''s'"),
            ("a\\' OR 1=1 --", "'a\\'' OR 1=1 --'"),
            ("a\\\n'", "E'a\\\\\\n'''"),
            ("\u{202e}txt", "E'\\u202Etxt'"),
            ("日本/*", "'日本/*'"),
            ("", "''"),
        ] {
            assert_eq!(text(value), literal, "{value:?}");
        }
    }
}
