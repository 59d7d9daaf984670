//! The questions pages and statements ask of the usage table, answered in plain values.
//!
//! Amounts are sums of what is known; attempts whose cost is unknown are counted beside them. A
//! request is counted by its final row, tokens and money by every attempt.

mod overview;
mod recent;
mod statement;
mod top;

pub use overview::{Coverage, DayTotal, Totals};
pub use recent::{Freshness, RecentRequest};
pub use statement::{StatementLine, TeamSpend};
pub use top::{Dimension, Ranked};

use crate::named::NamedQuery;
use crate::query::Params;
use crate::rows::Rows;
use crate::{Lake, LakeError};

impl Lake {
    async fn ask(&self, query: NamedQuery, params: Params) -> Result<Rows, LakeError> {
        Rows::read(&self.queries().run(query.sql, params).await?)
    }
}
