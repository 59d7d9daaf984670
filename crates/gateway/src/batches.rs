//! Which lines of batches' results are accounted for already: what others remember, and what this
//! process recorded a moment ago.
//!
//! Neither decides (whoever commits the rows does, ADR 012). They spare rows and charges that would be
//! taken back.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use events::LineKey;

/// Lines this process remembers to have recorded, about 60 bytes each.
const RECENT_MAX: usize = 200_000;
/// Longest wait for what others remember.
const ASK_TIME_MAX: Duration = Duration::from_secs(2);

/// What is remembered of batches' results by whoever commits rows.
#[async_trait]
pub trait BatchMemory: Send + Sync {
    /// The lines of a file or batch that are accounted for, or are certain to be.
    ///
    /// # Errors
    /// Why it cannot be said now, for the log.
    async fn metered(&self, batch: &str) -> Result<HashSet<LineKey>, String>;
}

/// What is known of lines. By default nothing but what this process recorded.
#[derive(Default)]
pub struct Batches {
    memory: Option<Arc<dyn BatchMemory>>,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    lines: HashSet<LineKey>,
    /// The same, oldest first.
    order: VecDeque<LineKey>,
}

impl Batches {
    /// Asks this memory as well.
    pub fn new(memory: Arc<dyn BatchMemory>) -> Self {
        Self { memory: Some(memory), recent: Mutex::default() }
    }

    /// The lines of a batch others know of; none when they cannot say: then whoever commits decides.
    pub(crate) async fn metered(&self, batch: &str) -> HashSet<LineKey> {
        let Some(memory) = &self.memory else { return HashSet::new() };
        let told = match tokio::time::timeout(ASK_TIME_MAX, memory.metered(batch)).await {
            Ok(told) => told,
            Err(_) => Err("no answer in time".to_owned()),
        };
        told.unwrap_or_else(|error| {
            tracing::warn!(
                batch,
                error,
                "not known which lines are metered: budgets may be charged again until compared"
            );
            HashSet::new()
        })
    }

    /// Remembers a line; false when it is remembered already.
    pub(crate) fn remember(&self, line: LineKey) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let Recent { lines, order } = &mut *recent;
        if !lines.insert(line) {
            return false;
        }
        order.push_back(line);
        if order.len() > RECENT_MAX
            && let Some(oldest) = order.pop_front()
        {
            lines.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> LineKey {
        LineKey::from_bytes((n as u128).to_be_bytes())
    }

    struct Away;

    #[async_trait]
    impl BatchMemory for Away {
        async fn metered(&self, _: &str) -> Result<HashSet<LineKey>, String> {
            Err("the lake is not open".to_owned())
        }
    }

    #[test]
    fn a_line_is_new_once_until_it_is_long_past() {
        let batches = Batches::default();
        assert!(batches.remember(key(0)) && !batches.remember(key(0)));
        for n in 1..=RECENT_MAX {
            assert!(batches.remember(key(n)));
        }
        assert!(batches.remember(key(0)), "the oldest is forgotten");
        assert!(!batches.remember(key(2)));
    }

    #[tokio::test]
    async fn a_memory_that_is_away_holds_nobody_up() {
        assert!(Batches::new(Arc::new(Away)).metered("file-1").await.is_empty());
        assert!(Batches::default().metered("file-1").await.is_empty());
    }
}
