//! What teams spent: the index of statements, and the lines of one.

use units::Usd;

use crate::query::Params;
use crate::window::{Lens, Window, text};
use crate::{Lake, LakeError, named};

/// One line of a team's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// Feature; `None` where the usage names none.
    pub feature: Option<String>,
    /// Customer; `None` where the usage names none.
    pub customer: Option<String>,
    /// Requests, by their final rows.
    pub requests: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

/// What one team spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamSpend {
    /// Organisation slug.
    pub organisation: String,
    /// Team slug; `None` for usage without a team.
    pub team: Option<String>,
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

impl Lake {
    /// The lines of a team's statement, by feature and customer, dearest first. They add up to the
    /// team's cost in the window exactly.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn statement_lines(
        &self,
        organisation: &str,
        team: &str,
        window: Window,
    ) -> Result<Vec<StatementLine>, LakeError> {
        let params = of_team(Lens::of_team(window, team).rolled_params(), organisation);
        self.ask(named::STATEMENT_LINES, params).await?.map(|rows, row| {
            Ok(StatementLine {
                feature: rows.text(row, "feature")?,
                customer: rows.text(row, "customer")?,
                requests: rows.count(row, "requests")?,
                input_tokens: rows.count(row, "input_tokens")?,
                output_tokens: rows.count(row, "output_tokens")?,
                cost: rows.known_sum(row, "cost_usd")?,
                unpriced: rows.count(row, "unpriced")?,
            })
        })
    }

    /// The price-book versions behind a team's statement, in alphabetical order.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn statement_prices(
        &self,
        organisation: &str,
        team: &str,
        window: Window,
    ) -> Result<Vec<String>, LakeError> {
        let params = of_team(Lens::of_team(window, team).rolled_params(), organisation);
        let rows = self.ask(named::STATEMENT_BASIS, params).await?;
        rows.map(|rows, row| rows.name(row, "price_version"))
    }

    /// What every team spent in a window.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn spend_by_team(&self, lens: &Lens) -> Result<Vec<TeamSpend>, LakeError> {
        self.ask(named::SPEND_BY_TEAM, lens.rolled_params()).await?.map(|rows, row| {
            Ok(TeamSpend {
                organisation: rows.name(row, "organisation")?,
                team: rows.text(row, "team")?,
                cost: rows.known_sum(row, "cost_usd")?,
                unpriced: rows.count(row, "unpriced")?,
            })
        })
    }
}

fn of_team(mut params: Params, organisation: &str) -> Params {
    params.push(("organisation", text(organisation)));
    params
}
