//! The largest values of one dimension by cost.

use units::Usd;

use crate::window::{Lens, limit, text};
use crate::{Lake, LakeError, named};

/// What usage can be broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Team.
    Team,
    /// Project.
    Project,
    /// Feature.
    Feature,
    /// Customer served.
    Customer,
    /// End user.
    User,
    /// Virtual key.
    Key,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    Model,
    /// Provider.
    Provider,
    /// Route.
    Route,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: &'static [Dimension] = &[
        Dimension::Team,
        Dimension::Project,
        Dimension::Feature,
        Dimension::Customer,
        Dimension::User,
        Dimension::Key,
        Dimension::Model,
        Dimension::Provider,
        Dimension::Route,
    ];

    /// The name queries and addresses know it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dimension::Team => "team",
            Dimension::Project => "project",
            Dimension::Feature => "feature",
            Dimension::Customer => "customer",
            Dimension::User => "user",
            Dimension::Key => "key",
            Dimension::Model => "model",
            Dimension::Provider => "provider",
            Dimension::Route => "route",
        }
    }
}

/// One value of a dimension and what it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The value; `None` where the usage has none.
    pub name: Option<String>,
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Requests, by their final rows.
    pub requests: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

impl Lake {
    /// The values of a dimension that cost most, largest first, at most `rows`.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn top_by(
        &self,
        dimension: Dimension,
        lens: &Lens,
        rows: u32,
    ) -> Result<Vec<Ranked>, LakeError> {
        let query = match dimension {
            Dimension::Customer => named::TOP_BY_CUSTOMER,
            Dimension::User => named::TOP_BY_USER,
            _ => named::TOP_BY,
        };
        let mut params = lens.rolled_params();
        params.extend([("dimension", text(dimension.as_str())), ("limit", limit(rows))]);
        self.ask(query, params).await?.map(|rows, row| {
            Ok(Ranked {
                name: rows.text(row, "name")?,
                cost: rows.known_sum(row, "cost_usd")?,
                requests: rows.count(row, "requests")?,
                input_tokens: rows.count(row, "input_tokens")?,
                output_tokens: rows.count(row, "output_tokens")?,
                unpriced: rows.count(row, "unpriced")?,
            })
        })
    }
}
