//! What an authority can be told.

/// How long things last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorityOptions {
    /// How long a grant holds without being renewed, milliseconds. Also how long a difference between
    /// books and lake must last before it is corrected.
    pub ttl_ms: u64,
    /// How much later than ours a gateway's clock may be, microseconds: it may open a window that
    /// starts within this time.
    pub skew_us_max: i64,
    /// Most windows summed from the lake in one call of [`crate::Authority::tend`].
    pub sums_max: usize,
}

impl Default for AuthorityOptions {
    fn default() -> Self {
        Self { ttl_ms: 15_000, skew_us_max: 300_000_000, sums_max: 256 }
    }
}

impl AuthorityOptions {
    pub(super) fn ttl_us(&self) -> i64 {
        i64::try_from(self.ttl_ms.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }
}
