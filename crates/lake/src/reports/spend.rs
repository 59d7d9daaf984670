//! What budgets have spent by whom, what models cost in two windows, and which have no price.

use std::collections::BTreeMap;

use policy::Scope;
use units::Usd;

use crate::window::{Lens, Window, text};
use crate::{Dimension, Lake, LakeError, Ranked, named};

/// What one process recorded for one budget's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderSpend {
    /// The gateway node.
    pub node: String,
    /// The process start of that node.
    pub epoch: String,
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Highest spool sequence among the rows summed; later rows of the same process may not have
    /// arrived yet.
    pub max_seq: u64,
}

/// A model with calls that have no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedModel {
    /// Provider.
    pub provider: Option<String>,
    /// Model as sent to the provider.
    pub model: Option<String>,
    /// Attempts that used something but whose cost is unknown.
    pub calls: u64,
    /// Input and output tokens of all calls of the model.
    pub tokens: u64,
}

/// What a model cost and was used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelUse {
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

/// A model in two windows: what a change of cost is decomposed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChange {
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// In the earlier window.
    pub before: ModelUse,
    /// In the later window.
    pub after: ModelUse,
}

impl Lake {
    /// What a budget's scope spent in a window, by the process that recorded it. It reads rows, exact to
    /// the microsecond.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn budget_spend(
        &self,
        organisation: &str,
        scope: &Scope,
        window: Window,
    ) -> Result<Vec<HolderSpend>, LakeError> {
        let value = scope.name().unwrap_or_default();
        let mut params = window.params();
        params.extend([
            ("organisation", text(organisation)),
            ("scope", text(scope.kind())),
            ("value", text(&value)),
        ]);
        self.ask(named::BUDGET_SPEND, params).await?.map(|rows, row| {
            Ok(HolderSpend {
                node: rows.name(row, "node_id")?,
                epoch: rows.name(row, "epoch")?,
                cost: rows.known_sum(row, "cost_usd")?,
                max_seq: rows.count(row, "max_seq")?,
            })
        })
    }

    /// The highest spool sequence the table holds of one process; everything up to it is in the table.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn committed_seq(&self, node: &str, epoch: &str) -> Result<Option<i64>, LakeError> {
        self.last_committed(&format!("{node}/{epoch}")).await
    }

    /// Models that were used without a price, most used first.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn unpriced_models(&self, lens: &Lens) -> Result<Vec<UnpricedModel>, LakeError> {
        self.ask(named::UNPRICED_MODELS, lens.rolled_params()).await?.map(|rows, row| {
            Ok(UnpricedModel {
                provider: rows.text(row, "provider")?,
                model: rows.text(row, "model")?,
                calls: rows.count(row, "calls")?,
                tokens: rows.count(row, "tokens")?,
            })
        })
    }

    /// Every model's cost and use in two windows, by name. Costs add up to those of the windows, so
    /// that the change between them does too.
    ///
    /// # Errors
    /// When a query fails or takes too long.
    pub async fn model_changes(
        &self,
        before: &Lens,
        after: &Lens,
    ) -> Result<Vec<ModelChange>, LakeError> {
        let all = u32::MAX;
        let before = self.top_by(Dimension::Model, before, all).await?;
        let after = self.top_by(Dimension::Model, after, all).await?;
        let mut models: BTreeMap<Option<String>, (ModelUse, ModelUse)> = BTreeMap::new();
        for ranked in before {
            models.entry(ranked.name.clone()).or_default().0 = model_use(&ranked);
        }
        for ranked in after {
            models.entry(ranked.name.clone()).or_default().1 = model_use(&ranked);
        }
        let change = |(model, (before, after))| ModelChange { model, before, after };
        Ok(models.into_iter().map(change).collect())
    }
}

fn model_use(ranked: &Ranked) -> ModelUse {
    ModelUse {
        cost: ranked.cost,
        requests: ranked.requests,
        input_tokens: ranked.input_tokens,
        output_tokens: ranked.output_tokens,
        unpriced: ranked.unpriced,
    }
}
