//! The month day by day: the chart, and the same figures as a calendar.

use jiff::civil::Date;
use units::Usd;

use crate::chart::{self, ChartText, TrendPoint};
use crate::error::ConsoleError;
use crate::ledger::{DaySpend, MonthWindow, OverviewData};
use crate::markup::Money;
use crate::moments;

/// Chart and table.
pub(super) struct Trend {
    /// The chart, an SVG element of ours.
    pub(super) chart: String,
    pub(super) weeks: Vec<Week>,
    pub(super) previous_month: String,
}

/// A row of the calendar.
pub(super) struct Week {
    /// `2 Nov to 8 Nov`, the days of this month only.
    pub(super) title: String,
    /// Monday to Sunday; `None` outside the month.
    pub(super) days: Vec<Option<Day>>,
    /// `None` for a week to come.
    pub(super) total: Option<Money>,
}

/// A day of the calendar.
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) number: i8,
    /// `None` for a day to come.
    pub(super) cost: Option<Money>,
    pub(super) is_partial: bool,
}

impl Trend {
    pub(super) fn of(window: &MonthWindow, data: &OverviewData) -> Result<Self, ConsoleError> {
        let points = points(window, data);
        let month = moments::month_title(window.period);
        let previous_month = moments::month_title(window.period.previous());
        let text = ChartText {
            title: &format!("Spend per day, {month}"),
            description: &format!(
                "A bar for each day of {month}; a short line marks the same day of \
                 {previous_month}. The table below has the figures."
            ),
        };
        let chart = chart::daily_trend(text, &points)?;
        Ok(Self { chart, weeks: weeks(&points), previous_month })
    }
}

/// Every day of the month, those to come included.
fn points(window: &MonthWindow, data: &OverviewData) -> Vec<TrendPoint> {
    let today = window.zone.date_of(window.until);
    let has_begun = |date: Date| window.is_over() || date <= today;
    let days = window.period.first_day().series(jiff::Span::new().days(1));
    days.take_while(|date| *date < window.period.next().first_day())
        .map(|date| TrendPoint {
            date,
            label: date.day().to_string(),
            cost: has_begun(date).then(|| spend_on(&data.days, |d| d == date)),
            previous: previous_day(window, date)
                .map(|day| spend_on(&data.previous_days, |d| d == day)),
            is_partial: !window.is_over() && date == today,
        })
        .collect()
}

/// The same day of the month before, when it has one.
fn previous_day(window: &MonthWindow, date: Date) -> Option<Date> {
    window.period.previous().first_day().with().day(date.day()).build().ok()
}

fn spend_on(days: &[DaySpend], wanted: impl Fn(Date) -> bool) -> Usd {
    days.iter().filter(|day| wanted(day.date)).map(|day| day.cost).sum()
}

/// The month's weeks, each from Monday to Sunday.
fn weeks(points: &[TrendPoint]) -> Vec<Week> {
    let column = |point: &TrendPoint| {
        usize::try_from(point.date.weekday().to_monday_zero_offset()).unwrap_or_default()
    };
    points
        .chunk_by(|_, next| column(next) != 0)
        .map(|days| {
            let mut cells: Vec<Option<Day>> = (0..7).map(|_| None).collect();
            for point in days {
                if let Some(cell) = cells.get_mut(column(point)) {
                    *cell = Some(Day::of(point));
                }
            }
            let total = days.iter().filter_map(|point| point.cost).reduce(|a, b| a + b);
            Week { title: title(days), days: cells, total: total.map(Money) }
        })
        .collect()
}

fn title(days: &[TrendPoint]) -> String {
    let dates = days.first().zip(days.last()).map(|(first, last)| (first.date, last.date));
    match dates {
        Some((first, last)) if first == last => moments::day_short(first),
        Some((first, last)) => {
            format!("{} to {}", moments::day_short(first), moments::day_short(last))
        }
        None => String::new(),
    }
}

impl Day {
    fn of(point: &TrendPoint) -> Self {
        Self {
            date: point.date,
            number: point.date.day(),
            cost: point.cost.map(Money),
            is_partial: point.is_partial,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::BillingZone;

    fn november(now: &str) -> (MonthWindow, OverviewData) {
        let now = now.parse::<jiff::Timestamp>().unwrap().into();
        let window = MonthWindow::new("2026-11".parse().unwrap(), &BillingZone::UTC, now);
        let spend = |day| DaySpend {
            date: jiff::civil::date(2026, 11, day),
            cost: Usd::from_dollars(i64::from(day)),
        };
        let days = vec![spend(1), spend(2), spend(4)];
        (window, OverviewData { days, ..OverviewData::default() })
    }

    #[test]
    fn days_without_usage_are_zero_and_days_to_come_are_empty() {
        let (window, data) = november("2026-11-04T12:00:00Z");
        let points = points(&window, &data);
        assert_eq!(points.len(), 30);
        assert_eq!(points[2].cost, Some(Usd::ZERO));
        assert!(points[3].is_partial && !points[2].is_partial);
        assert_eq!(points[4].cost, None);
    }

    #[test]
    fn weeks_hold_every_day_once_under_its_weekday_and_add_up() {
        let (window, data) = november("2026-12-04T12:00:00Z");
        let weeks = weeks(&points(&window, &data));
        // 1 November 2026 is a Sunday.
        assert_eq!(weeks[0].title, "1 Nov");
        assert_eq!(weeks[1].title, "2 Nov to 8 Nov");
        assert!(weeks[0].days[..6].iter().all(Option::is_none) && weeks[0].days[6].is_some());
        assert_eq!(weeks[1].total.map(|total| total.0), Some(Usd::from_dollars(6)));
        assert_eq!(weeks.iter().flat_map(|week| week.days.iter().flatten()).count(), 30);
    }

    #[test]
    fn the_31st_has_no_counterpart_in_a_month_of_30_days() {
        let now = "2026-12-31T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
        let window = MonthWindow::new("2026-12".parse().unwrap(), &BillingZone::UTC, now);
        let points = points(&window, &OverviewData::default());
        assert_eq!(points.last().map(|point| point.previous), Some(None));
    }
}
