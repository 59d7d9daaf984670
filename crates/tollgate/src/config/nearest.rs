//! The known name nearest to a mistyped one.
//!
//! Must never suggest what is not near: a wrong hint costs more than none.

/// The candidate a name was most likely meant to be, if any is near: a few letters off, or the same
/// words in another order.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    let tolerance = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(name: &str, candidate: &str) -> usize {
    let candidate = candidate.to_lowercase().replace('-', "_");
    let as_written = strsim::damerau_levenshtein(name, &candidate);
    as_written.min(strsim::damerau_levenshtein(&sorted(name), &sorted(&candidate)) + 1)
}

/// The words of a name in alphabetical order, so that `max_connections` is near `connections_max`.
fn sorted(name: &str) -> String {
    let mut words: Vec<&str> = name.split('_').collect();
    words.sort_unstable();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["gateway", "console", "connections_max", "body_bytes_max"];
        for (typed, meant) in [
            ("gatway", Some("gateway")),
            ("Gateway", Some("gateway")),
            ("max_connections", Some("connections_max")),
            ("body-bytes-max", Some("body_bytes_max")),
            ("port", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
