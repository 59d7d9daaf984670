//! Vectors of an embedding as providers tell them: a list of numbers, or base64 of 32-bit floats.
//!
//! Official clients ask for base64 and many servers answer with lists all the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::text_of;

/// How vectors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VectorFormat {
    /// A list of numbers.
    #[default]
    Float,
    /// Base64 of little-endian 32-bit floats.
    Base64,
}

/// The JSON of a vector in another form; `None` when it is in that form, or is no vector.
pub(crate) fn reworded(json: &str, format: VectorFormat) -> Option<String> {
    let is_text = json.trim_ascii().starts_with('"');
    match format {
        VectorFormat::Float if is_text => text_to_list(json),
        VectorFormat::Base64 if !is_text => list_to_text(json),
        VectorFormat::Float | VectorFormat::Base64 => None,
    }
}

/// The JSON of a vector.
pub(crate) fn told(numbers: &[f32], format: VectorFormat) -> String {
    match format {
        VectorFormat::Float => text_of(numbers),
        VectorFormat::Base64 => {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            format!("\"{}\"", STANDARD.encode(bytes))
        }
    }
}

fn list_to_text(json: &str) -> Option<String> {
    let numbers: Vec<f32> = serde_json::from_str(json).ok()?;
    Some(told(&numbers, VectorFormat::Base64))
}

fn text_to_list(json: &str) -> Option<String> {
    let text: std::borrow::Cow<'_, str> = serde_json::from_str(json).ok()?;
    let bytes = STANDARD.decode(text.as_bytes()).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    numbers.iter().all(|number| number.is_finite()).then(|| text_of(&numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_vector_is_told_in_the_form_asked_for() {
        for (json, format, expected) in [
            ("[1.0,-2.5]", VectorFormat::Base64, Some("\"AACAPwAAIMA=\"")),
            ("\"AACAPwAAIMA=\"", VectorFormat::Float, Some("[1.0,-2.5]")),
            ("[1.0]", VectorFormat::Float, None),
            ("\"AACAPw==\"", VectorFormat::Base64, None),
            ("[]", VectorFormat::Base64, Some("\"\"")),
            ("\"AAA=\"", VectorFormat::Float, None),
            ("\"AADAfw==\"", VectorFormat::Float, None),
            ("{}", VectorFormat::Base64, None),
            ("[\"x\"]", VectorFormat::Base64, None),
        ] {
            assert_eq!(reworded(json, format).as_deref(), expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_bit_of_a_vector_is_lost(numbers in proptest::collection::vec(-1.0_f32..1.0, 0..40)) {
            let list = text_of(&numbers);
            let text = reworded(&list, VectorFormat::Base64).unwrap();
            prop_assert_eq!(reworded(&text, VectorFormat::Float).unwrap(), list);
        }
    }
}
