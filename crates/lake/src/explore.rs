//! Questions about usage over time, grouped and filtered, and their exact answers.
//!
//! The statement that is shown is the statement that is run. It must never know who asks.

mod answer;
mod calendar;
mod measure;
mod question;
mod statement;

pub use answer::{Explored, Series, Source};
pub(crate) use measure::UNPRICED_OF_ROWS;
pub use measure::{Measure, Metric};
pub use question::{ExploreQuery, Grain};

use calendar::Calendar;

use crate::query::Params;
use crate::{Lake, LakeError};

impl Lake {
    /// Answers a question. The window is widened to whole quarters of an hour
    /// ([`crate::Window::in_quarters`]); buckets without usage are present, with nothing in them.
    ///
    /// # Errors
    /// [`LakeError::Query`] worded for whoever asked when the question is too large, and when the query
    /// fails or takes too long.
    pub async fn explore(&self, query: &ExploreQuery) -> Result<Explored, LakeError> {
        query.check()?;
        let mut query = query.clone();
        query.lens.window = query.lens.window.in_quarters();
        let calendar = Calendar::new(query.grain, query.lens.window, &query.zone)?;
        let table = statement::table(&query, &calendar);
        let sql = statement::write(&query, &calendar, table);
        let rows = self.ask_sql(&sql, Params::new()).await?;
        let mut explored = answer::read(&query, &calendar, &rows)?;
        explored.reads = Source::of(table);
        explored.sql = sql;
        Ok(explored)
    }
}
