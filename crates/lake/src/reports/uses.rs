//! Which models were used, and by which routes and keys: whom it concerns when one of them ends.

use units::{KeyId, Usd};

use crate::filter::{Filter, GroupBy, Table};
use crate::rollup::Grain;
use crate::window::{Lens, limit};
use crate::{Dimension, Lake, LakeError, named};

/// Use and cost of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUsed {
    /// Provider.
    pub provider: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// Attempts that used something.
    pub calls: u64,
    /// Billed cost of those whose cost is known, USD.
    pub cost: Usd,
    /// Those whose cost is unknown.
    pub unpriced: u64,
}

/// Use and cost of a model by one route and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelHolder {
    /// The model, and what was used of it.
    pub used: ModelUsed,
    /// Route; `None` where the model was asked for by its own name.
    pub route: Option<String>,
    /// Team that pays.
    pub team: Option<String>,
    /// Virtual key.
    pub key: Option<KeyId>,
}

impl Lake {
    /// Use and cost of every model in a window, the dearest first.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn models_used(&self, lens: &Lens) -> Result<Vec<ModelUsed>, LakeError> {
        self.ask(named::MODELS_USED, lens.rolled_params()).await?.map(model_used)
    }

    /// By which routes and keys some models were used in a window, the dearest first, `rows` at most.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn model_holders(
        &self,
        lens: &Lens,
        models: &[String],
        rows: u32,
    ) -> Result<Vec<ModelHolder>, LakeError> {
        let by = GroupBy::Dimension(Dimension::Model);
        let table = Table::rolled_up(Grain::Day, [&by].into_iter()).unwrap_or(Table::Rows);
        let values = models.iter().cloned().map(Some).collect();
        let sql = named::MODEL_HOLDERS.filtered(table, &[Filter { by, exclude: false, values }]);
        let mut params = lens.rolled_params();
        params.push(("limit", limit(rows)));
        self.ask_sql(&sql, params).await?.map(|rows, row| {
            Ok(ModelHolder {
                used: model_used(rows, row)?,
                route: rows.text(row, "route")?,
                team: rows.text(row, "team")?,
                key: rows.parsed(row, "key_id")?,
            })
        })
    }
}

fn model_used(rows: &crate::rows::Rows, row: usize) -> Result<ModelUsed, LakeError> {
    Ok(ModelUsed {
        provider: rows.text(row, "provider")?,
        model: rows.text(row, "model")?,
        calls: rows.count(row, "calls")?,
        cost: rows.known_sum(row, "cost_usd")?,
        unpriced: rows.count(row, "unpriced")?,
    })
}
