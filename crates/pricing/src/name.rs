//! Names of models and providers as requests carry them, brought to one form without allocating.

/// Longest name looked up, in bytes. No model is called anything near it.
const NAME_BYTES_MAX: usize = 256;
/// Room for the dashes that [`Name::with_dashed_dates`] adds.
const BUFFER_BYTES: usize = NAME_BYTES_MAX + 64;

/// A lower-case name in a buffer of fixed size.
pub(crate) struct Name {
    bytes: [u8; BUFFER_BYTES],
    len: usize,
}

impl Name {
    /// The trimmed name in lower case; `None` when it is longer than any known name.
    pub(crate) fn lowered(text: &str) -> Option<Self> {
        let mut name = Self { bytes: [0; BUFFER_BYTES], len: 0 };
        let text = text.trim();
        if text.len() > NAME_BYTES_MAX {
            return None;
        }
        if text.is_ascii() {
            name.push(text.as_bytes())?;
            name.bytes[..name.len].make_ascii_lowercase();
        } else {
            for lower in text.chars().flat_map(char::to_lowercase) {
                name.push(lower.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Some(name)
    }

    /// A name out of parts that are in lower case already; `None` when it is too long.
    pub(crate) fn joined(parts: &[&str]) -> Option<Self> {
        let mut name = Self { bytes: [0; BUFFER_BYTES], len: 0 };
        for part in parts {
            name.push(part.as_bytes())?;
        }
        Some(name)
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        // Only whole characters are ever pushed, so the text is always valid.
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    /// The name with each compact date (`-20251211`) written as catalogs write it (`-2025-12-11`);
    /// `None` when it holds none. Other gateways shorten dates in model names that way.
    pub(crate) fn with_dashed_dates(&self) -> Option<Self> {
        let mut dashed = Self { bytes: [0; BUFFER_BYTES], len: 0 };
        let mut rest = &self.bytes[..self.len];
        let mut found = false;
        while let Some((first, tail)) = rest.split_first() {
            if let (b'-', Some(date)) = (first, compact_date(tail)) {
                for part in [b"-", &date[..4], b"-", &date[4..6], b"-", &date[6..]] {
                    dashed.push(part)?;
                }
                rest = &tail[date.len()..];
                found = true;
            } else {
                dashed.push(&[*first])?;
                rest = tail;
            }
        }
        found.then_some(dashed)
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len + bytes.len();
        self.bytes.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }
}

/// The eight digits of a date of this century at the start of `text`, if it ends there.
fn compact_date(text: &[u8]) -> Option<&[u8]> {
    let (date, after) = text.split_at_checked(8)?;
    if !matches!(after.first(), None | Some(b'-' | b':')) || !date.starts_with(b"20") {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<i16> {
        str::from_utf8(date.get(range)?).ok()?.parse().ok()
    };
    let digits = date.iter().all(u8::is_ascii_digit);
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    (digits && jiff::civil::Date::new(year, month, day).is_ok()).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_trimmed_and_lowered() {
        let lowered = |text: &str| Name::lowered(text).map(|name| name.as_str().to_owned());
        assert_eq!(lowered(" GPT-5.4 ").as_deref(), Some("gpt-5.4"));
        assert_eq!(lowered("ÉTÉ-İ").as_deref(), Some("été-i\u{307}"));
        assert_eq!(lowered(&"x".repeat(257)), None);
    }

    #[test]
    fn compact_dates_are_dashed_where_they_are_dates() {
        for (text, expected) in [
            ("gpt-5.2-20251211", Some("gpt-5.2-2025-12-11")),
            ("a-20240229:free", Some("a-2024-02-29:free")),
            ("a-20251211-20260101", Some("a-2025-12-11-2026-01-01")),
            ("a-20230229", None),
            ("a-20251311", None),
            ("a-19991211", None),
            ("a-202512110", None),
            ("a-20251211x", None),
            ("gpt-5.2", None),
        ] {
            let dashed = Name::lowered(text).unwrap().with_dashed_dates();
            assert_eq!(dashed.as_ref().map(Name::as_str), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn lowering_agrees_with_the_standard_library(text in "\\PC{0,60}") {
            // The final sigma apart, which the standard library lowers by its context.
            prop_assume!(!text.contains('Σ'));
            if let Some(name) = Name::lowered(&text) {
                prop_assert_eq!(name.as_str(), text.trim().to_lowercase());
            }
        }
    }
}
