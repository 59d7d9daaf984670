//! What clients left with the providers: files and batches, the last few of each.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

/// Most files, and most batches, kept; the oldest go first.
const KEPT_MAX: usize = 256;

/// Files and batches by id.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// What files hold.
    pub(crate) files: Shelf<Bytes>,
    /// Batches as their vendor tells of them once they are done.
    pub(crate) batches: Shelf<Value>,
    /// Results of batches that are no files.
    pub(crate) results: Shelf<Bytes>,
}

/// Things by id.
#[derive(Debug)]
pub(crate) struct Shelf<T>(Mutex<VecDeque<(String, T)>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Shelf<T> {
    /// Keeps a thing.
    pub(crate) fn put(&self, id: String, thing: T) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((id, thing));
    }

    /// The thing of this id.
    pub(crate) fn get(&self, id: &str) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == id).map(|(_, thing)| thing.clone())
    }
}
