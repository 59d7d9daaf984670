//! Faults set at run time: a script for every model whose name starts with a prefix.

use std::sync::{PoisonError, RwLock};

use crate::Script;

/// The faults in force. Read on every request, written by tests and tours.
#[derive(Debug, Default)]
pub(crate) struct Faults(RwLock<Vec<(String, Script)>>);

impl Faults {
    /// Sets the fault of a prefix, replacing the one it had; the empty prefix is every model.
    pub(crate) fn set(&self, prefix: &str, script: Script) {
        let mut faults = self.0.write().unwrap_or_else(PoisonError::into_inner);
        faults.retain(|(held, _)| held != prefix);
        faults.push((prefix.to_owned(), script));
        faults.sort_by_key(|(held, _)| held.len());
    }

    /// Ends every fault.
    pub(crate) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// `base` with the faults of `model` laid over it, the longest prefix last.
    pub(crate) fn over(&self, base: &Script, model: &str) -> Script {
        let faults = self.0.read().unwrap_or_else(PoisonError::into_inner);
        faults
            .iter()
            .filter(|(prefix, _)| model.starts_with(prefix.as_str()))
            .fold(base.clone(), |script, (_, fault)| script.overlaid(fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_has_the_last_word() {
        let faults = Faults::default();
        faults.set("gpt-5", "status=503".parse().unwrap());
        faults.set("", "status=500&delay_ms=1".parse().unwrap());
        let script = faults.over(&Script::default(), "gpt-5.4");
        assert_eq!((script.status, script.delay_ms), (Some(503), Some(1)));
        faults.clear();
        assert_eq!(faults.over(&Script::default(), "gpt-5.4"), Script::default());
    }
}
