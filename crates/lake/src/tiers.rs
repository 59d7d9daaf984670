//! Which files of a partition are rewritten into one: those of about the same size, so that a row is
//! rewritten a few times at most while files stay few.
//!
//! It must never know what the files hold.

use std::sync::Arc;

use crate::mirror::LiveFile;

/// When files are rewritten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiers {
    /// Files of this size or more are left as they are, bytes.
    pub(crate) large_bytes: u64,
    /// Upper end of the first tier, bytes; each further tier reaches four times as far.
    pub(crate) first_bytes: u64,
    /// Files one tier may have while its partition still grows.
    pub(crate) open_max: usize,
    /// Files one tier may have in a partition that no longer grows but for stragglers.
    pub(crate) closed_max: usize,
    /// Most bytes one rewrite reads.
    pub(crate) step_bytes: u64,
    /// Most rows one rewrite reads.
    pub(crate) step_rows: u64,
}

impl Tiers {
    /// The files of a partition to rewrite into one; empty when there is nothing to gain.
    pub(crate) fn pick(&self, files: &[Arc<LiveFile>], is_open: bool) -> Vec<Arc<LiveFile>> {
        let mut small: Vec<Arc<LiveFile>> =
            files.iter().filter(|file| file.size < self.large_bytes).cloned().collect();
        small.sort_by(|a, b| a.size.cmp(&b.size).then_with(|| a.path.cmp(&b.path)));
        let most = if is_open { self.open_max } else { self.closed_max };
        let crowded = small
            .chunk_by(|a, b| self.tier(a.size) == self.tier(b.size))
            .find(|tier| tier.len() > most)
            .unwrap_or_default();
        self.within_step(crowded)
    }

    fn tier(&self, size: u64) -> u32 {
        let mut end = self.first_bytes.max(1);
        let mut tier = 0;
        while size >= end && tier < 32 {
            end = end.saturating_mul(4);
            tier += 1;
        }
        tier
    }

    fn within_step(&self, files: &[Arc<LiveFile>]) -> Vec<Arc<LiveFile>> {
        let (mut bytes, mut rows) = (0_u64, 0_u64);
        let fits = files.iter().take_while(|file| {
            bytes = bytes.saturating_add(file.size);
            rows = rows.saturating_add(file.rows.unwrap_or(0));
            bytes <= self.step_bytes && rows <= self.step_rows
        });
        let picked: Vec<Arc<LiveFile>> = fits.cloned().collect();
        if picked.len() < 2 { Vec::new() } else { picked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const TIERS: Tiers = Tiers {
        large_bytes: 1_000,
        first_bytes: 10,
        open_max: 2,
        closed_max: 1,
        step_bytes: 900,
        step_rows: 100,
    };

    fn files(sizes: &[u64]) -> Vec<Arc<LiveFile>> {
        let file = |(n, size): (usize, &u64)| LiveFile {
            path: format!("{n}"),
            size: *size,
            rows: Some(1),
            partition: HashMap::new(),
            days: None,
            instants: None,
            since: 0,
        };
        sizes.iter().enumerate().map(file).map(Arc::new).collect()
    }

    fn sizes(picked: &[Arc<LiveFile>]) -> Vec<u64> {
        picked.iter().map(|file| file.size).collect()
    }

    #[test]
    fn one_crowded_tier_is_rewritten_and_a_closed_partition_is_crowded_sooner() {
        for (given, is_open, expected) in [
            (&[5, 6, 100][..], true, &[][..]),
            (&[5, 100, 6, 7, 120], true, &[5, 6, 7]),
            (&[5, 20, 25, 30], true, &[20, 25, 30]),
            (&[5, 100], false, &[]),
            (&[5, 100, 130], false, &[100, 130]),
            (&[5, 2_000, 3_000], false, &[]),
            (&[5, 6, 2_000], false, &[5, 6]),
        ] {
            assert_eq!(sizes(&TIERS.pick(&files(given), is_open)), expected, "{given:?}");
        }
    }

    #[test]
    fn a_rewrite_is_bounded_in_bytes_and_rows_and_never_of_one_file() {
        let many = files(&[5; 150]);
        assert_eq!(TIERS.pick(&many, true).len(), 100);
        assert_eq!(sizes(&TIERS.pick(&files(&[400, 450, 500]), false)), [400, 450]);
        assert!(TIERS.pick(&files(&[700, 750]), false).is_empty());
    }
}
