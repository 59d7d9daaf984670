//! How long answers usually are, learned per key, route and model, to know what a request needs.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Powers of two from 1 to 2^31 tokens.
const BUCKETS: usize = 32;
/// Kinds remembered; when full, everything is forgotten and learned anew.
const KINDS_MAX: usize = 16_384;
/// After this many answers all counts are halved, so that the past fades.
const ANSWERS_BEFORE_HALVING: u32 = 4_096;
/// Answers needed before the history is believed.
const ANSWERS_MIN: u32 = 20;
/// Assumed until then.
const TOKENS_UNKNOWN: u64 = 1_024;

/// A bounded memory of answer lengths: at most 16,384 kinds of 136 bytes.
#[derive(Debug, Default)]
pub struct OutputHistory {
    kinds: Mutex<HashMap<u64, Histogram>>,
}

#[derive(Debug, Clone, Copy)]
struct Histogram {
    counts: [u32; BUCKETS],
    total: u32,
}

impl OutputHistory {
    /// The number of output tokens 95 of 100 answers of this kind stay under, rounded up to the
    /// next power of two; 1,024 while fewer than 20 were seen.
    pub fn usual(&self, kind: impl Hash) -> u64 {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds
            .get(&hash_of(kind))
            .filter(|histogram| histogram.total >= ANSWERS_MIN)
            .map_or(TOKENS_UNKNOWN, Histogram::p95)
    }

    /// Learns from one finished answer.
    pub fn observe(&self, kind: impl Hash, tokens: u64) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = hash_of(kind);
        if kinds.len() >= KINDS_MAX && !kinds.contains_key(&kind) {
            kinds.clear();
        }
        kinds.entry(kind).or_insert(Histogram { counts: [0; BUCKETS], total: 0 }).observe(tokens);
    }
}

impl Histogram {
    fn observe(&mut self, tokens: u64) {
        let bucket = tokens.max(1).next_power_of_two().trailing_zeros() as usize;
        self.counts[bucket.min(BUCKETS - 1)] += 1;
        self.total += 1;
        if self.total >= ANSWERS_BEFORE_HALVING {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }

    fn p95(&self) -> u64 {
        let wanted = self.total - self.total / 20;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return 1 << bucket;
            }
        }
        1 << (BUCKETS - 1)
    }
}

fn hash_of(kind: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    kind.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_length_is_learned_per_kind_and_follows_a_change() {
        let history = OutputHistory::default();
        assert_eq!(history.usual(("key", "model")), TOKENS_UNKNOWN);
        for _ in 0..100 {
            history.observe(("key", "model"), 50);
        }
        history.observe(("key", "model"), 60_000);
        assert_eq!(history.usual(("key", "model")), 64);
        assert_eq!(history.usual(("key", "other")), TOKENS_UNKNOWN);
        for _ in 0..5_000 {
            history.observe(("key", "model"), 900);
        }
        assert_eq!(history.usual(("key", "model")), 1_024);
    }

    #[test]
    fn extreme_lengths_are_counted_in_the_outer_buckets() {
        let history = OutputHistory::default();
        for tokens in [0, 1, u64::MAX / 4].into_iter().cycle().take(60) {
            history.observe("kind", tokens);
        }
        assert_eq!(history.usual("kind"), 1 << (BUCKETS - 1));
    }

    #[test]
    fn memory_is_bounded() {
        let history = OutputHistory::default();
        for kind in 0..3 * KINDS_MAX {
            history.observe(kind, 1);
        }
        assert!(history.kinds.lock().unwrap().len() <= KINDS_MAX);
    }
}
