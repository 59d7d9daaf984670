//! Reasoning that must come back unchanged: how a provider's seal travels through a dialect that has
//! one opaque field for it.
//!
//! Towards clients of this dialect the seals of other providers are marked, so that a seal of the
//! dialect's own (from a conversation that began elsewhere) is never taken for one of theirs. Towards
//! clients of other dialects a reasoning item becomes one signature that holds its id.

use std::borrow::Cow;

use crate::data_url::tail;

/// Before every seal of a provider of another dialect.
pub(super) const FOREIGN: &str = "tollgate.";
/// Before a signature over reasoning that is shown.
const SIGNED: &str = "tollgate.signed:";
/// Before reasoning that is encrypted.
const REDACTED: &str = "tollgate.redacted:";
/// Before the signature of the call that follows.
const CALL: &str = "tollgate.call:";
/// Before id and content of an item of this dialect.
const ITEM: &str = "responses:";

/// The opaque content of an item whose reasoning another provider signed.
pub(super) fn seal_signature(signature: &str) -> String {
    format!("{SIGNED}{signature}")
}

/// The same for reasoning another provider encrypted.
pub(super) fn seal_redacted(data: &str) -> String {
    format!("{REDACTED}{data}")
}

/// The same for a signature that belongs to the call after it: a call has no place for one.
pub(super) fn seal_call(signature: &str) -> String {
    format!("{CALL}{signature}")
}

/// What an opaque content holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seal<'a> {
    /// A signature over the summary beside it.
    Signature(Cow<'a, str>),
    /// Encrypted reasoning.
    Redacted(Cow<'a, str>),
    /// The signature of the call after it.
    Call(Cow<'a, str>),
    /// A seal of a provider of this dialect, which no other takes.
    Own,
}

/// Opens an opaque content.
pub(super) fn open(content: Cow<'_, str>) -> Seal<'_> {
    if content.starts_with(SIGNED) {
        Seal::Signature(tail(content, SIGNED.len()))
    } else if content.starts_with(REDACTED) {
        Seal::Redacted(tail(content, REDACTED.len()))
    } else if content.starts_with(CALL) {
        Seal::Call(tail(content, CALL.len()))
    } else {
        Seal::Own
    }
}

/// An item of this dialect as a signature.
pub(super) fn pack(id: &str, content: &str) -> String {
    format!("{ITEM}{id}:{content}")
}

/// Id and content of an item that [`pack`] made a signature of.
pub(super) fn unpack(signature: &str) -> Option<(&str, &str)> {
    signature.strip_prefix(ITEM)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_to_what_was_sealed_and_foreign_ones_stay_shut() {
        let open = |content: &str| match open(Cow::Borrowed(content)) {
            Seal::Signature(text) => format!("signature {text}"),
            Seal::Redacted(text) => format!("redacted {text}"),
            Seal::Call(text) => format!("call {text}"),
            Seal::Own => "own".to_owned(),
        };
        assert_eq!(open(&seal_signature("Es:Q=")), "signature Es:Q=");
        assert_eq!(open(&seal_redacted("x")), "redacted x");
        assert_eq!(open(&seal_call("y")), "call y");
        assert_eq!(open("gAAAAABo"), "own");
        assert_eq!(unpack(&pack("rs_1", "gA:A=")), Some(("rs_1", "gA:A=")));
        assert_eq!(unpack("EsQBCkgI"), None);
    }
}
