//! Signatures of other providers among those of this dialect.
//!
//! The signature over the reasoning behind a call has no place in a call here, so that it travels in
//! a block of hidden reasoning before the call, which clients give back unchanged. Every signature
//! that comes from elsewhere is marked by whoever read it, and no provider of this dialect takes it.

/// Before a signature.
const CALL: &str = "tollgate.call:";

/// The data of the block.
pub(super) fn seal(signature: &str) -> String {
    format!("{CALL}{signature}")
}

/// The signature in the data of a block that [`seal`] made.
pub(super) fn open(data: &str) -> Option<&str> {
    data.strip_prefix(CALL)
}

/// Whether a provider of this dialect may have made a signature or hidden reasoning: it is base64,
/// which no mark is.
pub(super) fn is_native(signature: &str) -> bool {
    let is_base64 =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    !signature.is_empty() && signature.bytes().all(is_base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_to_what_was_sealed_and_foreign_ones_stay_shut() {
        assert_eq!(open(&seal("Es:Q=")), Some("Es:Q="));
        assert_eq!(open("EsQBCkgI"), None);
        assert!(is_native("EsQBC+kg/I==") && !is_native(&seal("EsQB")) && !is_native(""));
    }
}
