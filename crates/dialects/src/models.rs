//! A model as a list of models tells it.

/// One model a client may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// Name to ask for.
    pub id: String,
    /// When it was made, Unix time in whole seconds; 0 when unknown.
    pub created_unix_s: u64,
    /// Who serves it.
    pub owned_by: String,
}
