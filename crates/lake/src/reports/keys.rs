//! When keys were last used.

use units::{KeyId, UnixMicros};

use crate::window::Lens;
use crate::{Lake, LakeError, named};

impl Lake {
    /// The keys used in a window and when each was last used there, by key. It reads rows: meant for
    /// minutes and hours, not for months.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn keys_used(&self, lens: &Lens) -> Result<Vec<(KeyId, UnixMicros)>, LakeError> {
        let rows = self.ask(named::KEYS_USED, lens.params()).await?;
        let used = rows
            .map(|rows, row| Ok(rows.parsed(row, "key_id")?.zip(rows.instant(row, "used_at")?)))?;
        Ok(used.into_iter().flatten().collect())
    }
}
