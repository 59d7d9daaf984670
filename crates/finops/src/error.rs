//! What can go wrong with figures. Every case is our fault or corrupt input; no retry helps.

/// Why a computation was refused rather than answered wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FinopsError {
    /// A sum left the representable range.
    #[error("the sum of {0} is out of range")]
    OutOfRange(&'static str),
    /// A rounded total lies further from its parts than rounding can explain.
    #[error("{parts} amounts cannot be rounded to a total {missing} units away")]
    Unreachable {
        /// How many amounts there are.
        parts: usize,
        /// How many units of the last decimal are left over.
        missing: i128,
    },
    /// A statement could not be written out.
    #[error("the statement could not be encoded: {0}")]
    Encoding(String),
}
