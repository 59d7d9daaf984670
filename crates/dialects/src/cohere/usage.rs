//! Usage in this dialect: what is billed is told apart from what was counted, and only the former
//! counts. What was read from a cache refers to the latter, so that it says nothing about the bill.

use events::{Meter, Meters};

use crate::json::Object;
use crate::reply::Usage;

/// Reads a `usage` object (of chat) or a `meta` object (of everything else).
pub(crate) fn read(json: &str) -> Option<Usage> {
    let usage = Object::scan(json)?;
    // Without a word on the bill the counts are the best there is.
    let meters = match (usage.child("billed_units"), usage.child("tokens")) {
        (Some(billed), _) => billed_units(&billed),
        (None, Some(tokens)) => billed_units(&tokens),
        (None, None) => return None,
    };
    Some(Usage { meters, ..Usage::default() })
}

fn billed_units(billed: &Object<'_>) -> Meters {
    // The input of an embedding is told whole and by kind.
    let images = billed.count("image_tokens");
    let input =
        billed.count("input_tokens").saturating_sub(images).max(billed.count("text_tokens"));
    Meters::NONE
        .with(Meter::InputText, input)
        .with(Meter::InputImage, images)
        .with(Meter::OutputText, billed.count("output_tokens"))
        .with(Meter::RerankSearch, billed.count("search_units"))
        .with(Meter::Pages, billed.count("pages"))
        .with(Meter::Images, billed.count("images"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_billed_counts() {
        for (json, expected) in [
            (
                r#"{"billed_units":{"input_tokens":41,"output_tokens":28},"cached_tokens":1040,"tokens":{"input_tokens":1442,"output_tokens":29}}"#,
                vec![("input.text", 41), ("output.text", 28)],
            ),
            (
                r#"{"tokens":{"input_tokens":7.0,"output_tokens":9.0},"cached_tokens":5}"#,
                vec![("input.text", 7), ("output.text", 9)],
            ),
            (
                r#"{"api_version":{"version":"2"},"billed_units":{"search_units":2}}"#,
                vec![("rerank_search", 2)],
            ),
            (
                r#"{"billed_units":{"input_tokens":100,"image_tokens":40,"text_tokens":60,"images":1}}"#,
                vec![("input.text", 60), ("input.image", 40), ("images", 1)],
            ),
            (r#"{"billed_units":{"images":3}}"#, vec![("images", 3)]),
            (r#"{"billed_units":{"pages":4}}"#, vec![("pages", 4)]),
        ] {
            let usage = read(json).unwrap();
            let told: Vec<_> = usage.meters.iter().map(|(m, n)| (m.as_str(), n)).collect();
            assert_eq!(told, expected, "{json}");
        }
        assert_eq!(read(r#"{"api_version":{"version":"2"}}"#), None);
    }
}
