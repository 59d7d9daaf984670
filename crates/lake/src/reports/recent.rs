//! How recent the table is.

use units::UnixMicros;

use crate::window::{DAY_US, Window};
use crate::{Lake, LakeError, named};

/// Days looked back through for the newest rows, nearest first: usually the first holds them, and
/// looking further would read the table.
const LOOK_BACK_DAYS: [i64; 2] = [0, 7];

/// How recent the table is, over the last seven days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When the newest request had arrived, by its gateway's clock.
    pub received_at: Option<UnixMicros>,
    /// When the newest row of the newest day was committed, by the committer's clock.
    pub ingested_at: Option<UnixMicros>,
}

impl Lake {
    /// How recent the table is. It reads the day of the newest rows, tomorrow included since the clocks
    /// of gateways may run ahead of this one's.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn freshness(&self) -> Result<Freshness, LakeError> {
        let now = self.clock().now();
        for days in LOOK_BACK_DAYS {
            let window =
                Window { from: now.plus_micros(-days * DAY_US), to: now.plus_micros(DAY_US) };
            let rows = self.ask(named::FRESHNESS, window.params()).await?;
            let found = rows.only(|rows, row| {
                Ok(Freshness {
                    received_at: rows.instant(row, "received_at")?,
                    ingested_at: rows.instant(row, "ingested_at")?,
                })
            })?;
            if found.received_at.is_some() {
                return Ok(found);
            }
        }
        Ok(Freshness::default())
    }
}
