//! How recent the table is.

use units::UnixMicros;

use crate::window::{DAY_US, Window};
use crate::{Lake, LakeError, named};

/// How far back the newest rows are looked for, microseconds, nearest first: usually the first hour holds
/// them, and looking further would read the table.
const LOOK_BACK_US: [i64; 3] = [3_600_000_000, DAY_US, 7 * DAY_US];

/// How recent the table is, over the last seven days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When the newest request had arrived, by its gateway's clock.
    pub received_at: Option<UnixMicros>,
    /// When the newest row of the newest hour, else day, else week was committed, by the committer's
    /// clock.
    pub ingested_at: Option<UnixMicros>,
}

impl Lake {
    /// How recent the table is. It reads the newest hour that has rows within it, else the day, else the
    /// week; a day ahead included, since the clocks of gateways may run ahead of this one's.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn freshness(&self) -> Result<Freshness, LakeError> {
        let now = self.clock().now();
        for back_us in LOOK_BACK_US {
            let window = Window { from: now.plus_micros(-back_us), to: now.plus_micros(DAY_US) };
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
