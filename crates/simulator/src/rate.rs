//! The rate-limit script: so many requests a second for a model, counted in fixed windows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use units::UnixMicros;

/// Limit told when no script sets one, requests a minute.
const LIMIT_DEFAULT: u32 = 10_000;
/// Bits of a window's state that hold the count; the others hold the second.
const COUNT_BITS: u32 = 24;
/// Most models counted one by one.
const MODELS_MAX: usize = 10_000;

/// What a model's rate limit says of this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Requests a window may hold.
    pub(crate) limit: u32,
    /// Requests it may still hold.
    pub(crate) remaining: u32,
    /// Until the window ends, milliseconds.
    pub(crate) reset_ms: u32,
    /// This request is one too many.
    pub(crate) is_exceeded: bool,
}

impl Allowance {
    /// The figures of a model nobody limited.
    pub(crate) const GENEROUS: Allowance = Allowance {
        limit: LIMIT_DEFAULT,
        remaining: LIMIT_DEFAULT - 1,
        reset_ms: 6,
        is_exceeded: false,
    };
}

/// Windows by model.
#[derive(Debug, Default)]
pub(crate) struct RateLimits(RwLock<HashMap<String, Arc<AtomicU64>>>);

impl RateLimits {
    /// Counts a request of `model` against `limit` requests a second.
    pub(crate) fn take(&self, model: &str, limit: u32, now: UnixMicros) -> Allowance {
        let micros = u64::try_from(now.get()).unwrap_or(0);
        let second = micros / 1_000_000;
        let reset_ms = u32::try_from(1000 - micros % 1_000_000 / 1000).unwrap_or(1000);
        let window = self.window(model);
        let taken = window
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
                let used = if state >> COUNT_BITS == second { count_of(state) } else { 0 };
                (used < limit).then_some((second << COUNT_BITS) | u64::from(used + 1))
            })
            .map(|state| if state >> COUNT_BITS == second { count_of(state) } else { 0 });
        match taken {
            Ok(used) => {
                Allowance { limit, remaining: limit - used - 1, reset_ms, is_exceeded: false }
            }
            Err(_) => Allowance { limit, remaining: 0, reset_ms, is_exceeded: true },
        }
    }

    fn window(&self, model: &str) -> Arc<AtomicU64> {
        if let Some(window) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(model) {
            return Arc::clone(window);
        }
        let mut windows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MODELS_MAX {
            windows.clear();
        }
        Arc::clone(windows.entry(model.to_owned()).or_default())
    }
}

fn count_of(state: u64) -> u32 {
    u32::try_from(state & ((1 << COUNT_BITS) - 1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_admits_its_limit_and_the_next_one_starts_anew() {
        let limits = RateLimits::default();
        let at = |micros: i64| UnixMicros::new(1_700_000_000_000_000 + micros);
        let remaining: Vec<u32> =
            (0..3).map(|_| limits.take("m", 3, at(250_000)).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let over = limits.take("m", 3, at(250_000));
        assert_eq!((over.is_exceeded, over.remaining, over.reset_ms), (true, 0, 750));
        assert!(!limits.take("other", 3, at(250_000)).is_exceeded);
        assert!(!limits.take("m", 3, at(1_000_000)).is_exceeded);
    }
}
