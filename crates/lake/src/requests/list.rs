//! Pages of requests, newest first, and the dearest requests of a window.
//!
//! The newest are looked for day by day backwards, in strides that grow: a page is mostly found in the
//! first, without reading the rest of the window.

use units::{UnixMicros, Usd};

use super::cursor::Cursor;
use super::row::{self, IS_OUTCOME, RequestRow};
use crate::filter::{self, Table};
use crate::query::Params;
use crate::window::{DAY_US, Lens, Window};
use crate::{Filter, Lake, LakeError, literal};

/// Most rows of a page.
const ROWS_MAX: u32 = 500;
/// Days looked through at once for the newest requests; after these, the rest of the window.
const STRIDE_DAYS: [i64; 3] = [1, 7, 31];
/// The order of pages.
const NEWEST_FIRST: &str = "received_at DESC, request_id DESC";
/// Room for clocks of gateways that run ahead of this one's, microseconds.
const LOOK_AHEAD_US: i64 = DAY_US;

/// Which requests to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestsQuery {
    /// When they arrived, and whose they are.
    pub lens: Lens,
    /// What all must meet.
    pub filters: Vec<Filter>,
    /// What came of them.
    pub kind: RequestKind,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Most rows of a page; 500 at most.
    pub limit: u32,
}

/// A kind of request, by its final row; everything set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestKind {
    /// The hundreds of the HTTP status: 4 for 400 to 499.
    pub status_class: Option<u8>,
    /// Whether it ended in an error, refusals included.
    pub has_failed: Option<bool>,
    /// Kind of error.
    pub error_class: Option<String>,
    /// Least billed cost of the final attempt, corrections included, USD.
    pub cost_min: Option<Usd>,
    /// Only those that used something whose cost is unknown.
    pub is_unpriced: bool,
    /// Only those the gateway's cache answered.
    pub is_cached: bool,
    /// Only those metered by estimate.
    pub is_estimated: bool,
}

/// A page of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestsPage {
    /// Newest first.
    pub rows: Vec<RequestRow>,
    /// The cursor of the page after; `None` on the last.
    pub next_cursor: Option<String>,
}

impl RequestKind {
    /// Whether it compares costs, to which corrections belong.
    const fn is_of_cost(&self) -> bool {
        self.cost_min.is_some() || self.is_unpriced
    }

    fn conditions(&self) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(class) = self.status_class {
            let from = u32::from(class) * 100;
            conditions.push(format!("status BETWEEN {from} AND {}", from + 99));
        }
        if let Some(has_failed) = self.has_failed {
            let is_null = if has_failed { "IS NOT NULL" } else { "IS NULL" };
            conditions.push(format!("error_class {is_null}"));
        }
        if let Some(class) = &self.error_class {
            conditions.push(format!("error_class = {}", literal::text(class)));
        }
        if let Some(cost) = self.cost_min {
            // Plain decimal digits, which are a decimal in SQL.
            conditions.push(format!("{} >= {cost}", row::CORRECTED_COST));
        }
        if self.is_unpriced {
            let is_unknown = "cost_usd IS NULL AND correction IS NULL AND usage_source <> 'none'";
            conditions.push(is_unknown.to_owned());
        }
        if self.is_cached {
            conditions.push("cache_state = 'hit'".to_owned());
        }
        if self.is_estimated {
            conditions.push("usage_source = 'estimated'".to_owned());
        }
        conditions
    }
}

impl Lake {
    /// A page of requests, newest first.
    ///
    /// # Errors
    /// [`LakeError::Query`] for a cursor that is none, and when the query fails or takes too long.
    pub async fn requests(&self, query: &RequestsQuery) -> Result<RequestsPage, LakeError> {
        filter::check(&query.filters)?;
        let cursor = query.cursor.as_deref().map(Cursor::read).transpose()?;
        let limit = usize::try_from(query.limit.clamp(1, ROWS_MAX)).unwrap_or(1);
        let mut rows = Vec::new();
        for window in strides(self.newest_of(query.lens.window, cursor)) {
            let lens = Lens { window, team: query.lens.team.clone() };
            let mut conditions = filter::conditions(Table::Rows, &lens, &query.filters);
            conditions.extend(query.kind.conditions());
            conditions.extend(cursor.map(after));
            // One more tells whether there is a page after.
            let missing = limit + 1 - rows.len();
            let corrected = query.kind.is_of_cost().then_some(window);
            let sql = statement(&conditions, corrected, NEWEST_FIRST, missing);
            rows.extend(self.ask_sql(&sql, Params::new()).await?.map(row::read)?);
            if rows.len() > limit {
                break;
            }
        }
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| has_more).and_then(cursor_of);
        let rows = self.with_all_attempts(rows).await?;
        Ok(RequestsPage { rows, next_cursor })
    }

    /// The requests whose final attempt cost most, dearest first, at most `rows`; those without a
    /// price come last.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn dearest_requests(
        &self,
        lens: &Lens,
        filters: &[Filter],
        rows: u32,
    ) -> Result<Vec<RequestRow>, LakeError> {
        filter::check(filters)?;
        let conditions = filter::conditions(Table::Rows, lens, filters);
        let limit = usize::try_from(rows.clamp(1, ROWS_MAX)).unwrap_or(1);
        let order = format!("{} DESC NULLS LAST, request_id", row::CORRECTED_COST);
        let sql = statement(&conditions, Some(lens.window), &order, limit);
        let found = self.ask_sql(&sql, Params::new()).await?.map(row::read)?;
        self.with_all_attempts(found).await
    }

    async fn with_all_attempts(
        &self,
        mut requests: Vec<RequestRow>,
    ) -> Result<Vec<RequestRow>, LakeError> {
        if let Some(sql) = row::attempts_of(&requests) {
            let sums = self.ask_sql(&sql, Params::new()).await?;
            row::add_attempts(&mut requests, &sums)?;
        }
        if let Some(sql) = row::others_of(&requests) {
            let sums = self.ask_sql(&sql, Params::new()).await?;
            row::add_others(&mut requests, &sums)?;
        }
        Ok(requests)
    }

    /// The part of a window in which requests of this page can lie.
    fn newest_of(&self, window: Window, cursor: Option<Cursor>) -> Window {
        let latest = self.clock().now().plus_micros(LOOK_AHEAD_US);
        let after_cursor = cursor.map(|cursor| cursor.received_at.plus_micros(1));
        let to = window.to.min(latest).min(after_cursor.unwrap_or(window.to));
        Window { from: window.from, to: to.max(window.from) }
    }
}

/// The final rows that meet the conditions; with the corrections of a window beside them where it is
/// given, since most questions need none.
fn statement(
    conditions: &[String],
    corrected: Option<Window>,
    order: &str,
    limit: usize,
) -> String {
    let conditions = conditions.join("\n  AND ");
    let columns = row::COLUMNS;
    let corrections = corrected.map(|window| {
        let lens = Lens::everything(window);
        let corrections =
            row::corrections(&filter::conditions(Table::Rows, &lens, &[]).join(" AND "));
        format!(
            "\nLEFT JOIN {corrections} ON request_id = corrected_id AND attempt = corrected_attempt
    AND COALESCE(model_resolved, '') = corrected_model"
        )
    });
    let corrections = corrections.unwrap_or_default();
    format!(
        "SELECT {columns}\nFROM usage{corrections}\nWHERE {conditions}\n  AND {IS_OUTCOME}\nORDER BY {order}\nLIMIT {limit}"
    )
}

/// What lies behind the cursor in the order of pages.
fn after(cursor: Cursor) -> String {
    let at = literal::instant(cursor.received_at);
    let id = literal::text(&cursor.request_id.to_string());
    format!("(received_at < {at} OR (received_at = {at} AND request_id < {id}))")
}

fn cursor_of(last: &RequestRow) -> Option<String> {
    let request_id = last.request_id.parse().ok()?;
    Some(Cursor { received_at: last.received_at, request_id }.write())
}

/// The window in pieces, newest first, that begin with days of UTC, as files are laid out. The days of
/// the first stride are those that lie ahead of the present, today and yesterday.
fn strides(window: Window) -> Vec<Window> {
    let mut strides = Vec::new();
    let mut to = window.to;
    for days in STRIDE_DAYS {
        let midnight = to.get().saturating_sub(1).div_euclid(DAY_US).saturating_mul(DAY_US);
        let from = UnixMicros::new(midnight.saturating_sub(days * DAY_US)).max(window.from);
        if from < to {
            strides.push(Window { from, to });
        }
        to = from;
    }
    if window.from < to {
        strides.push(Window { from: window.from, to });
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_tile_the_window_from_its_end() {
        for (from, to) in [(0, 400 * DAY_US), (5, 6), (0, DAY_US), (7, 7), (3, 9 * DAY_US + 5)] {
            let window = Window { from: UnixMicros::new(from), to: UnixMicros::new(to) };
            let strides = strides(window);
            let mut to = window.to;
            for stride in &strides {
                assert_eq!(stride.to, to);
                assert!(stride.from < stride.to);
                to = stride.from;
            }
            assert_eq!(to, window.from, "{window:?}");
        }
    }
}
