//! When frames were written, to the second: how old is the oldest one not yet committed?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SPACING: Duration = Duration::from_secs(1);

/// An hour. A backlog older than that is told as at least an hour old.
const MARKS_MAX: usize = 3600;

/// Frame numbers and when they were written, oldest first, about a second apart.
#[derive(Debug, Default)]
pub(crate) struct Marks(VecDeque<(u64, Instant)>);

impl Marks {
    /// Frame `seq` is written now.
    pub(crate) fn wrote(&mut self, seq: u64, now: Instant) {
        let is_due = self.0.back().is_none_or(|(_, at)| now.duration_since(*at) >= SPACING);
        if is_due {
            if self.0.len() == MARKS_MAX {
                self.0.pop_front();
            }
            self.0.push_back((seq, now));
        }
    }

    /// Frames below `low_water` no longer count.
    pub(crate) fn committed(&mut self, low_water: u64) {
        while self.0.get(1).is_some_and(|(seq, _)| *seq <= low_water) {
            self.0.pop_front();
        }
    }

    /// Age of the oldest frame that counts, to the second and never too low within the hour.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.0.front().map(|(_, at)| now.duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_second_the_oldest_uncommitted_frame_was_written_in() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut marks = Marks::default();
        for seq in 0..10 {
            marks.wrote(seq, at(seq));
        }
        assert_eq!(marks.age(at(20)), Some(Duration::from_secs(20)));
        marks.committed(7);
        assert_eq!(marks.age(at(20)), Some(Duration::from_secs(13)));
    }

    #[test]
    fn a_long_backlog_takes_bounded_memory() {
        let start = Instant::now();
        let mut marks = Marks::default();
        for seq in 0..10_000 {
            marks.wrote(seq, start + Duration::from_secs(seq));
        }
        assert_eq!(marks.0.len(), MARKS_MAX);
    }
}
