//! Prices over the book in force, the store's record of it, and the usage table.

use std::sync::Arc;

use async_trait::async_trait;
use lake::{Lake, ModelHolder, ModelUsed, ReportedCost, WhatIfGroup, WhatIfQuery};
use policy::Scope;
use pricing::PriceBook;
use units::Slug;

use super::explore::{failed, filters, lens};
use super::requests::Prices;
use crate::explore::Span;
use crate::ledger::LedgerError;
use crate::prices::{
    HOLDERS_MAX, PriceDesk, RecordedLayer, RouteTarget, TrafficAsked, UnpricedUse,
};

/// The prices of an installation.
#[derive(Debug, Clone)]
pub struct LakePrices {
    lake: Lake,
    kept: Arc<dyn store::Prices>,
    prices: Arc<dyn Prices>,
}

impl LakePrices {
    /// These prices, what is recorded of them, and the usage they lack.
    pub fn new(lake: Lake, kept: Arc<dyn store::Prices>, prices: Arc<dyn Prices>) -> Self {
        Self { lake, kept, prices }
    }
}

#[async_trait]
impl PriceDesk for LakePrices {
    fn book(&self) -> Arc<PriceBook> {
        self.prices.book()
    }

    fn billed_as(&self, provider: &str) -> Option<String> {
        self.prices.billed_as(provider)
    }

    fn targets(&self) -> Vec<RouteTarget> {
        self.prices.targets()
    }

    async fn recorded(&self, version: &str) -> Result<Vec<RecordedLayer>, LedgerError> {
        let found = self.kept.at(version).await;
        let layers = found.map_err(|error| LedgerError::Failed(error.to_string()))?;
        let layer = |layer: store::PriceLayer| RecordedLayer {
            kind: layer.layer.kind,
            name: layer.layer.name,
            recorded_at: layer.recorded_at,
        };
        Ok(layers.unwrap_or_default().into_iter().map(layer).collect())
    }

    async fn unpriced(
        &self,
        span: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<UnpricedUse>, LedgerError> {
        let lens = lens(span, team.map(|team| team.as_str()));
        let found = Box::pin(self.lake.unpriced_queue(&lens)).await.map_err(failed)?;
        let used = |used: lake::UnpricedEntry| UnpricedUse {
            billed_as: used.provider.as_deref().and_then(|name| self.prices.billed_as(name)),
            provider: used.provider,
            model: used.model,
            requests: used.requests,
            tokens: used.tokens,
            first_day: used.first_day,
            last_day: used.last_day,
        };
        Ok(found.into_iter().map(used).collect())
    }

    async fn models_used(
        &self,
        span: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<ModelUsed>, LedgerError> {
        let lens = lens(span, team.map(|team| team.as_str()));
        Box::pin(self.lake.models_used(&lens)).await.map_err(failed)
    }

    async fn model_holders(
        &self,
        span: Span,
        team: Option<&Slug>,
        models: &[String],
    ) -> Result<Vec<ModelHolder>, LedgerError> {
        let lens = lens(span, team.map(|team| team.as_str()));
        Box::pin(self.lake.model_holders(&lens, models, HOLDERS_MAX)).await.map_err(failed)
    }

    async fn traffic(&self, asked: &TrafficAsked) -> Result<Vec<WhatIfGroup>, LedgerError> {
        let query = WhatIfQuery {
            window: lens(asked.span, None).window,
            organisation: None,
            scope: asked.team.clone().map_or(Scope::Organisation, Scope::Team),
            filters: filters(&asked.conditions),
            sizes: asked.sizes.clone(),
        };
        Box::pin(self.lake.what_if(&query)).await.map_err(failed)
    }

    async fn reported_costs(
        &self,
        span: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<ReportedCost>, LedgerError> {
        let lens = lens(span, team.map(|team| team.as_str()));
        Box::pin(self.lake.reported_costs(&lens)).await.map_err(failed)
    }
}
