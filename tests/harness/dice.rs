//! Numbers that differ from run to run.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Numbers that differ from run to run; their seed is printed, to tell what a failed run did.
pub(crate) struct Dice(u64);

impl Dice {
    /// Fresh ones.
    pub(crate) fn new() -> Self {
        let seed = RandomState::new().build_hasher().finish() | 1;
        eprintln!("seed of the kills: {seed}");
        Self(seed)
    }

    /// A number from `from` to below `to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + self.0 % (to - from)
    }
}
