//! Prices over the book in force, the store's record of it, and the usage table.

use std::sync::Arc;

use async_trait::async_trait;
use lake::{Lake, Lens, Window};
use pricing::PriceBook;
use units::{Slug, UnixMicros};

use super::explore::failed;
use super::requests::Prices;
use crate::ledger::LedgerError;
use crate::prices::{PriceDesk, RecordedLayer, UnpricedUse};

/// The queue has no beginning: what was used years ago still costs something.
const EVER: Window = Window { from: UnixMicros::new(0), to: UnixMicros::new(i64::MAX) };

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

    async fn unpriced(&self, team: Option<&Slug>) -> Result<Vec<UnpricedUse>, LedgerError> {
        let lens = Lens { window: EVER, team: team.map(ToString::to_string) };
        let found = Box::pin(self.lake.unpriced(&lens)).await.map_err(failed)?;
        let used = |used: lake::UnpricedUse| UnpricedUse {
            billed_as: used.provider.as_deref().and_then(|name| self.prices.billed_as(name)),
            provider: used.provider,
            model: used.model,
            requests: used.requests,
            tokens: used.tokens,
            first_at: used.first_at,
            last_at: used.last_at,
        };
        Ok(found.into_iter().map(used).collect())
    }
}
