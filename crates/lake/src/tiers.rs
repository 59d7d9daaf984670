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
    /// Files of so many rows are left as they are, too, and smaller ones are rewritten as soon as they
    /// hold as many together.
    pub(crate) whole_rows: u64,
    /// While its partition grows, a file of this size or more waits for that and is in no tier, bytes.
    pub(crate) waits_bytes: u64,
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
        let is_small = |file: &&Arc<LiveFile>| {
            file.size < self.large_bytes && file.rows.is_none_or(|rows| rows < self.whole_rows)
        };
        let mut small: Vec<Arc<LiveFile>> = files.iter().filter(is_small).cloned().collect();
        small.sort_by(|a, b| a.size.cmp(&b.size).then_with(|| a.path.cmp(&b.path)));
        let rows = small.iter().filter_map(|file| file.rows).fold(0, u64::saturating_add);
        if rows >= self.whole_rows {
            // One rewrite to the end, instead of several on the way there.
            return self.within_step(&small);
        }
        if is_open {
            small.retain(|file| file.size < self.waits_bytes);
        }
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
        whole_rows: u64::MAX,
        waits_bytes: u64::MAX,
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
    fn files_that_make_a_whole_one_are_rewritten_at_once_and_a_whole_one_never() {
        let tiers = Tiers { whole_rows: 10, waits_bytes: 40, ..TIERS };
        let given = |rows: &[(u64, u64)]| -> Vec<Arc<LiveFile>> {
            let file = |(file, (_, rows)): (Arc<LiveFile>, &(u64, u64))| {
                Arc::new(LiveFile { rows: Some(*rows), ..LiveFile::clone(&file) })
            };
            let sizes: Vec<u64> = rows.iter().map(|(size, _)| *size).collect();
            files(&sizes).into_iter().zip(rows).map(file).collect()
        };
        for (rows, is_open, expected) in [
            // Few rows in files that are not tiny wait while the day goes on.
            (&[(50, 2), (50, 2), (50, 2), (50, 2)][..], true, &[][..]),
            (&[(50, 2), (50, 2), (50, 2), (50, 2)], false, &[50, 50, 50, 50]),
            // Tiny ones are folded on the way, so that files stay few.
            (&[(5, 1), (5, 1), (5, 1), (50, 2)], true, &[5, 5, 5]),
            // Enough for a whole file: all of them, however they differ in size.
            (&[(5, 1), (50, 3), (200, 6)], true, &[5, 50, 200]),
            (&[(5, 1), (50, 3), (200, 10)], true, &[]),
            (&[(200, 10), (210, 11)], false, &[]),
        ] {
            assert_eq!(sizes(&tiers.pick(&given(rows), is_open)), expected, "{rows:?}");
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
