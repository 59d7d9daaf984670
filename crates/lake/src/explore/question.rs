//! A question about usage, all typed, and the limits it must keep.

use units::BillingZone;

use crate::explore::Metric;
use crate::filter;
use crate::window::{DAY_US, Lens};
use crate::{Filter, GroupBy, LakeError};

/// Longest window, days.
const DAYS_MAX: i64 = 400;
/// Longest window that is cut in hours, days.
const HOURLY_DAYS_MAX: i64 = 31;
/// What a change of the clocks may add to the days of a window, microseconds.
const CLOCK_CHANGE_US: i64 = 2 * 3_600_000_000;
/// Most series told apart.
const TOP_MAX: u32 = 50;
/// Most dimensions grouped by.
const GROUPS_MAX: usize = 2;

/// How time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grain {
    /// Not at all: one figure for the whole window.
    Total,
    /// Hours.
    Hour,
    /// Days of the zone.
    Day,
    /// Weeks of the zone, from Monday.
    Week,
    /// Calendar months of the zone.
    Month,
}

impl Grain {
    /// Every grain.
    pub const ALL: &'static [Grain] =
        &[Grain::Total, Grain::Hour, Grain::Day, Grain::Week, Grain::Month];
}

/// A question about usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExploreQuery {
    /// When, and whose: 400 days at most, 31 when cut in hours.
    pub lens: Lens,
    /// The zone hours, days, weeks and months are cut in.
    pub zone: BillingZone,
    /// How time is cut.
    pub grain: Grain,
    /// What is added up.
    pub metric: Metric,
    /// What it is broken down by: two at most.
    pub group_by: Vec<GroupBy>,
    /// What all usage must meet.
    pub filters: Vec<Filter>,
    /// How many series are told apart, the largest by their total; 1 to 50.
    pub top: u32,
}

impl ExploreQuery {
    /// Refuses what would ask too much, in words for whoever asked.
    pub(crate) fn check(&self) -> Result<(), LakeError> {
        let refuse = |text: String| Err(LakeError::Query(text));
        let window = self.lens.window;
        // Two days from the epoch on, every local time is positive, in every zone.
        if window.from.get() < 2 * DAY_US {
            return refuse("the range begins before 1970-01-03: choose a later day".to_owned());
        }
        if window.to <= window.from {
            return refuse("the range ends before it begins: swap its dates".to_owned());
        }
        let days_max = if self.grain == Grain::Hour { HOURLY_DAYS_MAX } else { DAYS_MAX };
        let length = window.to.micros_since(window.from);
        if length > days_max * DAY_US + CLOCK_CHANGE_US {
            return refuse(match self.grain {
                Grain::Hour => format!(
                    "a range cut in hours may have {days_max} days at most: choose fewer days, or cut it in days"
                ),
                _ => format!("a range may have {days_max} days at most: choose fewer days"),
            });
        }
        if self.group_by.len() > GROUPS_MAX {
            return refuse(format!("usage can be grouped by {GROUPS_MAX} things at most"));
        }
        if let [first, second] = &self.group_by[..]
            && first == second
        {
            return refuse("usage is grouped by the same thing twice: remove one".to_owned());
        }
        if !self.group_by.is_empty() && !(1..=TOP_MAX).contains(&self.top) {
            return refuse(format!("between 1 and {TOP_MAX} series can be told apart"));
        }
        filter::check(&self.filters)
    }

    /// The name of a grouped column in answers.
    pub(crate) fn alias(&self, position: usize) -> String {
        match self.group_by.get(position) {
            Some(GroupBy::Dimension(by)) => by.as_str().to_owned(),
            _ => format!("tag_{}", position + 1),
        }
    }

    /// Everything the question needs to know of usage.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &GroupBy> + Clone {
        const TEAM: &GroupBy = &GroupBy::Dimension(crate::Dimension::Team);
        let team = self.lens.team.iter().map(|_| TEAM);
        self.group_by.iter().chain(self.filters.iter().map(|filter| &filter.by)).chain(team)
    }
}
