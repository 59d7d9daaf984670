//! What the lake remembers of batches' results, for the gateway half: nothing until the lake is open.

use std::collections::HashSet;
use std::sync::OnceLock;

use async_trait::async_trait;
use events::LineKey;
use gateway::BatchMemory;
use lake::Lake;

/// The claims of a lake that may not be open yet.
#[derive(Debug, Default)]
pub(super) struct LakeClaims(OnceLock<Lake>);

impl LakeClaims {
    /// The lake is open.
    pub(super) fn opened(&self, lake: &Lake) {
        // Only the first counts, and there is only one.
        let _ = self.0.set(lake.clone());
    }
}

#[async_trait]
impl BatchMemory for LakeClaims {
    async fn metered(&self, batch: &str) -> Result<HashSet<LineKey>, String> {
        let lake = self.0.get().ok_or_else(|| "the lake is not open yet".to_owned())?;
        lake.metered_lines(batch).await.map_err(|error| error.to_string())
    }
}
