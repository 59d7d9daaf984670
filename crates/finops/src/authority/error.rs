//! What can go wrong when leases are asked for.

use lake::LakeError;
use policy::PROTOCOL;
use store::StoreError;

/// Why the authority could not answer. Nothing was granted.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The gateway speaks another version of the messages. Fault of the operator; no retry helps.
    #[error("the gateway speaks lease protocol {0}, this console {PROTOCOL}: run the same release")]
    Protocol(u32),
    /// The books cannot be read or written; the inner error says whether a retry helps.
    #[error("the books of budgets are not available: {0}")]
    Store(#[from] StoreError),
    /// The record of what was spent cannot be read. A retry may help.
    #[error("the record of spending is not available: {0}")]
    Lake(#[from] LakeError),
}

impl AuthorityError {
    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            AuthorityError::Protocol(_) => false,
            AuthorityError::Store(error) => error.is_retryable(),
            AuthorityError::Lake(_) => true,
        }
    }
}
