//! What usage is grouped and filtered by, and where each lies in the tables.
//!
//! Names of columns come from here and from nowhere else; values go through `literal`.

use units::UnixMicros;

use crate::rollup::{Grain as Bucket, ROLLUP_TABLES, RollupTable};
use crate::window::{Lens, Window};
use crate::{Dimension, LakeError, literal};

/// Filters one question may have.
const FILTERS_MAX: usize = 20;
/// Values one filter may have.
const VALUES_MAX: usize = 200;
/// Bytes all values of a question may have together.
const VALUE_BYTES_MAX: usize = 4 << 20;

/// What usage is grouped or filtered by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// A dimension.
    Dimension(Dimension),
    /// A tag the clients attached, by its name.
    Tag(String),
}

/// Usage to take in or leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What is looked at.
    pub by: GroupBy,
    /// Leave out what matches, instead of everything else.
    pub exclude: bool,
    /// What it must be one of; `None` is usage without any.
    pub values: Vec<Option<String>>,
}

/// A table figures are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Single rows.
    Rows,
    /// Sums by bucket and dimensions.
    Rollup(&'static RollupTable),
}

/// Refuses more or longer filters than a question may have.
pub(crate) fn check(filters: &[Filter]) -> Result<(), LakeError> {
    let refuse = |text: String| Err(LakeError::Query(text));
    if filters.len() > FILTERS_MAX {
        return refuse(format!("a question may have {FILTERS_MAX} filters at most"));
    }
    let bytes = |filter: &Filter| -> usize {
        filter.values.iter().flatten().map(String::len).sum::<usize>()
            + match &filter.by {
                GroupBy::Dimension(_) => 0,
                GroupBy::Tag(name) => name.len(),
            }
    };
    if filters.iter().any(|filter| filter.values.len() > VALUES_MAX) {
        return refuse(format!("a filter may name {VALUES_MAX} values at most"));
    }
    if filters.iter().map(bytes).sum::<usize>() > VALUE_BYTES_MAX {
        return refuse("the values of the filters are too long".to_owned());
    }
    Ok(())
}

/// The conditions of a window, a team and filters on a table, to be joined by `AND`.
pub(crate) fn conditions(table: Table, lens: &Lens, filters: &[Filter]) -> Vec<String> {
    let mut conditions = table.in_window(lens.window);
    if let Some(team) = &lens.team {
        let column = table.column(&GroupBy::Dimension(Dimension::Team));
        conditions.push(format!("{column} = {}", literal::text(team)));
    }
    conditions.extend(clauses(table, filters));
    conditions
}

/// The conditions of filters alone, to be joined by `AND`; those that let everything pass left out.
pub(crate) fn clauses(table: Table, filters: &[Filter]) -> Vec<String> {
    filters.iter().filter_map(|filter| filter.sql(table)).collect()
}

impl Filter {
    /// The filter as a condition; `None` when it lets everything pass.
    fn sql(&self, table: Table) -> Option<String> {
        let column = table.column(&self.by);
        let has_none = self.values.iter().any(Option::is_none);
        let named = self.values.iter().flatten().map(String::as_str);
        let named = (named.clone().count() > 0).then(|| literal::list(named));
        match (self.exclude, named, has_none) {
            (false, None, false) => Some("FALSE".to_owned()),
            (false, None, true) => Some(format!("{column} IS NULL")),
            (false, Some(values), false) => Some(format!("{column} IN ({values})")),
            (false, Some(values), true) => {
                Some(format!("({column} IN ({values}) OR {column} IS NULL)"))
            }
            (true, None, false) => None,
            (true, None, true) => Some(format!("{column} IS NOT NULL")),
            // `NOT IN` is NULL for NULL, which no condition lets pass.
            (true, Some(values), true) => Some(format!("{column} NOT IN ({values})")),
            (true, Some(values), false) => {
                Some(format!("({column} NOT IN ({values}) OR {column} IS NULL)"))
            }
        }
    }
}

impl Table {
    /// The rolled-up table that knows all of `needed` by such buckets.
    pub(crate) fn rolled_up<'a>(
        bucket: Bucket,
        mut needed: impl Iterator<Item = &'a GroupBy> + Clone,
    ) -> Option<Self> {
        let mut tables = ROLLUP_TABLES.iter().filter(|table| table.grain == bucket);
        let knows = |table: &RollupTable, by: &GroupBy| match by {
            GroupBy::Dimension(by) => table.dimensions.contains(&rolled_up_column(*by)),
            GroupBy::Tag(_) => false,
        };
        if needed.clone().any(|by| matches!(by, GroupBy::Tag(_))) {
            return None;
        }
        let needed = &mut needed;
        tables.find(|table| needed.clone().all(|by| knows(table, by))).map(Self::Rollup)
    }

    /// Its name in a session.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Table::Rows => crate::table::NAME,
            Table::Rollup(table) => table.name,
        }
    }

    /// The expression of a dimension or tag.
    pub(crate) fn column(self, by: &GroupBy) -> String {
        match (self, by) {
            (_, GroupBy::Tag(name)) => format!("tags[{}]", literal::text(name)),
            (Table::Rows, GroupBy::Dimension(Dimension::Model)) => {
                "COALESCE(model_resolved, model_asked)".to_owned()
            }
            (_, GroupBy::Dimension(by)) => rolled_up_column(*by).to_owned(),
        }
    }

    fn in_window(self, window: Window) -> Vec<String> {
        let (first, last) = window.utc_days();
        let days =
            |column: &str| format!("{column} BETWEEN {} AND {}", utc_day(first), utc_day(last));
        let instants = |column: &str| {
            let (from, to) = (literal::instant(window.from), literal::instant(window.to));
            [format!("{column} >= {from}"), format!("{column} < {to}")]
        };
        let (date, instant) = match self {
            Table::Rows => ("event_date", "received_at"),
            Table::Rollup(table) => match table.grain {
                Bucket::Quarter => ("bucket_date", "bucket"),
                Bucket::Day => return vec![days("day")],
            },
        };
        std::iter::once(days(date)).chain(instants(instant)).collect()
    }
}

/// A day of UTC as a literal.
fn utc_day(days: i32) -> String {
    let midnight = UnixMicros::new(i64::from(days).saturating_mul(crate::window::DAY_US));
    format!("DATE '{}'", units::BillingZone::UTC.date_of(midnight))
}

const fn rolled_up_column(by: Dimension) -> &'static str {
    match by {
        Dimension::Key => "key_id",
        Dimension::User => "user_id",
        Dimension::Team
        | Dimension::Project
        | Dimension::Feature
        | Dimension::Customer
        | Dimension::Model
        | Dimension::Provider
        | Dimension::Route => by.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(exclude: bool, values: &[Option<&str>]) -> Option<String> {
        let values = values.iter().map(|value| value.map(str::to_owned)).collect();
        let by = GroupBy::Dimension(Dimension::Team);
        Filter { by, exclude, values }.sql(Table::Rows)
    }

    #[test]
    fn usage_without_a_value_passes_unless_it_is_told_not_to() {
        for (exclude, values, sql) in [
            (false, &[Some("a"), Some("b")][..], Some("team IN ('a', 'b')")),
            (false, &[Some("a"), None], Some("(team IN ('a') OR team IS NULL)")),
            (false, &[None], Some("team IS NULL")),
            (false, &[], Some("FALSE")),
            (true, &[Some("a")], Some("(team NOT IN ('a') OR team IS NULL)")),
            (true, &[Some("a"), None], Some("team NOT IN ('a')")),
            (true, &[None], Some("team IS NOT NULL")),
            (true, &[], None),
        ] {
            assert_eq!(team(exclude, values).as_deref(), sql, "{exclude} {values:?}");
        }
    }

    #[test]
    fn sums_are_read_where_all_that_is_asked_for_is_known() {
        let table = |needed: &[Dimension]| {
            let needed: Vec<GroupBy> = needed.iter().copied().map(GroupBy::Dimension).collect();
            Table::rolled_up(Bucket::Day, needed.iter()).map(Table::name)
        };
        assert_eq!(table(&[]), Some("usage_day"));
        assert_eq!(table(&[Dimension::Team, Dimension::Model]), Some("usage_day"));
        assert_eq!(
            table(&[Dimension::Feature, Dimension::Customer]),
            Some("usage_day_by_customer")
        );
        assert_eq!(table(&[Dimension::User, Dimension::Team]), Some("usage_day_by_user"));
        assert_eq!(table(&[Dimension::User, Dimension::Customer]), None);
        assert_eq!(table(&[Dimension::Customer, Dimension::Model]), None);
        let tag = GroupBy::Tag("env".to_owned());
        assert_eq!(Table::rolled_up(Bucket::Day, [&tag].into_iter()), None);
    }

    #[test]
    fn questions_with_too_many_or_too_long_values_are_refused() {
        let filter = |values: usize, length: usize| Filter {
            by: GroupBy::Dimension(Dimension::Team),
            exclude: false,
            values: vec![Some("x".repeat(length)); values],
        };
        assert!(check(&[filter(VALUES_MAX, 10), filter(1, 1 << 20)]).is_ok());
        for bad in [
            vec![filter(1, 1); FILTERS_MAX + 1],
            vec![filter(VALUES_MAX + 1, 1)],
            vec![filter(3, 2 << 20)],
        ] {
            assert!(check(&bad).unwrap_err().is_callers_fault());
        }
    }
}
