//! Signatures over reasoning, carried through clients that were made for other ones.
//!
//! A client of this dialect keeps signatures as base64, so that those of other providers are wrapped
//! in it with a mark. Those of this dialect's providers are given to other clients with a mark too, so
//! that only they are sent back here: a provider refuses a signature that is not its own.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Before a signature of another provider, in clients of this dialect.
const FOREIGN: &str = "tollgate:s:";
/// Before reasoning that another provider encrypted, in clients of this dialect.
const REDACTED: &str = "tollgate:r:";
/// Before a signature of this dialect's provider, in clients of others.
const NATIVE: &str = "gemini:";

/// Stands for a signature that is not known: the vendor documents it for histories that began on
/// another model (thought signatures, read 2026-11-22).
pub(super) const UNKNOWN: &str = "skip_thought_signature_validator";

/// What another provider gave to be sent back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// A signature over reasoning that is shown.
    Signature(String),
    /// Reasoning it encrypted.
    Redacted(String),
}

/// A signature of another provider, as a client of this dialect keeps it.
pub(super) fn wrapped(signature: &str) -> String {
    STANDARD.encode(format!("{FOREIGN}{signature}"))
}

/// Reasoning another provider encrypted, as a client of this dialect keeps it.
pub(super) fn wrapped_redacted(data: &str) -> String {
    STANDARD.encode(format!("{REDACTED}{data}"))
}

/// What [`wrapped`] or [`wrapped_redacted`] made; `None` for any other text.
pub(super) fn foreign(wrapped: &str) -> Option<Foreign> {
    // Client libraries write it back in the other alphabet.
    let respell = |c| match c {
        '+' => '-',
        '/' => '_',
        other => other,
    };
    let same: String = wrapped.trim_end_matches('=').chars().map(respell).collect();
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(same).ok()?).ok()?;
    let signature = text.strip_prefix(FOREIGN).map(|text| Foreign::Signature(text.to_owned()));
    signature.or_else(|| text.strip_prefix(REDACTED).map(|text| Foreign::Redacted(text.to_owned())))
}

/// A signature of this dialect's provider, as clients of others keep it.
pub(super) fn marked(signature: &str) -> String {
    format!("{NATIVE}{signature}")
}

/// The signature that [`marked`] made; `None` for those of other providers.
pub(super) fn native(marked: &str) -> Option<&str> {
    marked.strip_prefix(NATIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_ones_own_come_back() {
        assert_eq!(foreign("EpYSCpMSCAISjhIBDDnWx+meFE0="), None);
        assert_eq!(foreign(UNKNOWN), None);
        assert_eq!(native("EpYSCpMS"), None);
        assert_eq!(native(&marked("c2ln")), Some("c2ln"));
    }

    proptest! {
        #[test]
        fn a_foreign_signature_survives_either_alphabet(signature in "\\PC{0,40}") {
            let kept = wrapped(&signature);
            let expected = Some(Foreign::Signature(signature.clone()));
            prop_assert_eq!(foreign(&kept), expected);
            let respelled = wrapped_redacted(&signature).replace('+', "-").replace('/', "_");
            let expected = Some(Foreign::Redacted(signature));
            prop_assert_eq!(foreign(respelled.trim_end_matches('=')), expected);
        }
    }
}
