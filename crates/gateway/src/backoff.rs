//! Pauses between tries at something that is away.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The pause after the first failure lies between half of this and all of it, milliseconds.
const FIRST_MS: u64 = 100;
/// No pause is longer, milliseconds: whoever is back is found within a second.
const LONGEST_MS: u64 = 800;

/// Pauses that double with every failure in a row, each cut by up to a half at random, so that many
/// gateways that lost the same console do not come back in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    random: RandomState,
}

impl Backoff {
    /// The pause after one more failure.
    pub(crate) fn pause(&mut self) -> Duration {
        let full = (FIRST_MS << self.failures.min(8)).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        let cut = self.random.hash_one(self.failures) % (full / 2 + 1);
        Duration::from_millis(full - cut)
    }

    /// Says that it worked: the next failure is a first one again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_stay_below_a_second_and_differ_between_gateways() {
        let mut drawn = std::collections::HashSet::new();
        for _ in 0..50 {
            let mut backoff = Backoff::default();
            for full in [100, 200, 400, 800, 800, 800] {
                let pause = backoff.pause();
                assert!((full / 2..=full).contains(&pause.as_millis()), "{pause:?} of {full}");
                drawn.insert(pause);
            }
            backoff.reset();
            assert!(backoff.pause() <= Duration::from_millis(FIRST_MS));
        }
        assert!(drawn.len() > 50, "{}", drawn.len());
    }
}
