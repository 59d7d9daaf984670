//! Where a page of requests ended, as an opaque text.
//!
//! It holds a position and nothing else: whoever changes it sees another page of what they may see
//! anyway.

use units::{RequestId, UnixMicros};

use crate::LakeError;

/// Marks the form of a cursor.
const FORM: &str = "r1";

/// The last request of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// When it had arrived.
    pub(crate) received_at: UnixMicros,
    /// Its id.
    pub(crate) request_id: RequestId,
}

impl Cursor {
    /// The cursor as text: letters, digits and `-`.
    pub(crate) fn write(self) -> String {
        // The bits of the instant, so that every instant has 16 digits.
        let at = u64::from_ne_bytes(self.received_at.get().to_ne_bytes());
        format!("{FORM}-{at:016x}-{:032x}", self.request_id.as_u128())
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// When the text is none of ours.
    pub(crate) fn read(text: &str) -> Result<Self, LakeError> {
        let damaged = || {
            LakeError::Query(
                "the position in the list is damaged: go back to its first page".to_owned(),
            )
        };
        let mut parts = text.split('-');
        let (Some(FORM), Some(at), Some(id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(damaged());
        };
        let is_hex = |text: &str, digits| {
            text.len() == digits
                && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        };
        if !is_hex(at, 16) || !is_hex(id, 32) {
            return Err(damaged());
        }
        let at = u64::from_str_radix(at, 16).map_err(|_| damaged())?;
        let id = u128::from_str_radix(id, 16).map_err(|_| damaged())?;
        Ok(Self {
            received_at: UnixMicros::new(i64::from_ne_bytes(at.to_ne_bytes())),
            request_id: RequestId::from_u128(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_anything_else_is_told_to_be_damaged() {
        for at in [0, -7, 1_795_350_896_000_001, i64::MAX, i64::MIN] {
            let cursor =
                Cursor { received_at: UnixMicros::new(at), request_id: RequestId::from_u128(77) };
            let text = cursor.write();
            assert_eq!(Cursor::read(&text).unwrap(), cursor);
            for cut in 0..text.len() {
                assert!(Cursor::read(&text[..cut]).is_err(), "{}", &text[..cut]);
            }
            assert!(Cursor::read(&format!("{text}0")).is_err());
            assert!(Cursor::read(&text.replace('r', "s")).is_err());
            assert!(Cursor::read(&text.to_uppercase()).is_err());
        }
        for bad in ["", "r1--", "r1-+00000000000000f-00", "' OR 1=1", "r1-é-é", "-----"] {
            let error = Cursor::read(bad).unwrap_err();
            assert!(error.is_callers_fault() && error.to_string().contains("first page"), "{bad}");
        }
    }
}
