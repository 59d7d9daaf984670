//! A model as a list of models tells it.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

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

/// The first entry of a list of models, whatever the dialect calls the list: what is told of one model.
pub(crate) fn first_of(list: &Bytes) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow, alias = "models")]
        data: Vec<&'a RawValue>,
    }
    let list: List<'_> = serde_json::from_slice(list).ok()?;
    list.data.first().map(|entry| Bytes::copy_from_slice(entry.get().as_bytes()))
}
