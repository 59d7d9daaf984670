//! The questions pages and statements ask of the usage table, answered in plain values.
//!
//! Sums over time come from the rolled-up tables and cover whole quarters of an hour: a window is
//! widened to them ([`crate::Window::in_quarters`]). Amounts are sums of what is known; attempts whose cost is unknown are counted beside them. A
//! request is counted by its final row, tokens and money by every attempt.

mod drift;
mod keys;
mod overview;
mod recent;
mod series;
mod spend;
mod statement;
mod top;
mod unpriced;
mod uses;
mod what_if;

pub use drift::{ReportedCost, ReportedInHour, StatementAdjustment};
pub use overview::{Coverage, DayTotal, Totals};
pub use recent::Freshness;
pub use series::{HourSpend, RecentSpend};
pub use spend::{HolderSpend, ModelChange, ModelUse, UnpricedModel};
pub use statement::{StatementLine, TeamSpend};
pub use top::{Dimension, Ranked};
pub use unpriced::{UnpricedEntry, UnpricedUse};
pub use uses::{ModelHolder, ModelUsed};
pub use what_if::{CallTerms, WhatIfGroup, WhatIfQuery};

use crate::named::NamedQuery;
use crate::query::Params;
use crate::rows::Rows;
use crate::{Lake, LakeError};

impl Lake {
    pub(crate) async fn ask(&self, query: NamedQuery, params: Params) -> Result<Rows, LakeError> {
        self.ask_sql(query.sql, params).await
    }

    /// Runs SQL of our own making and reads its rows.
    pub(crate) async fn ask_sql(&self, sql: &str, params: Params) -> Result<Rows, LakeError> {
        Rows::read(&self.run(sql, params).await?)
    }
}
