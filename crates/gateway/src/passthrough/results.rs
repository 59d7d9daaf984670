//! A batch's results on their way to the client: each line is a row before its last bytes leave.
//!
//! Memory is that of one line. What is known to be accounted for gets neither row nor charge; whether a
//! row stays is decided when it is committed (ADR 012). A full spool makes the download wait.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use dialects::{BatchAnswer, BatchLine, BatchLines};
use events::{ErrorClass, LineKey, Settlement, UsageEvent, batch_name};
use policy::{Admission, Quote, Spender};
use spool::Slot;
use tokio::time::Instant;
use units::Usd;

use super::Passing;
use crate::accounting::Accounting;
use crate::body::MemoryShare;
use crate::engine::Engine;
use crate::ledger::{Ledger, LineDraft, Pricing};
use crate::telemetry;
use crate::upstream::Upstream;

/// Longest wait of a download for room in the spool.
const SPOOL_TIME_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks for room.
const SPOOL_PAUSE: Duration = Duration::from_millis(50);

/// One download of results.
pub(super) struct Results<'a> {
    engine: &'a Engine,
    passing: &'a Passing,
    /// The file or batch.
    name: String,
    lines: BatchLines,
    draft: LineDraft,
    /// Lines others know of; asked for when there is a first line.
    metered: Option<HashSet<LineKey>>,
    share: MemoryShare,
    /// Bytes of the share.
    held: usize,
    tally: Tally,
}

/// What was found, for the log.
#[derive(Debug, Default)]
struct Tally {
    lines: u64,
    recorded: u64,
    unread: u64,
}

impl<'a> Results<'a> {
    /// Reads the results of the file or batch `name` that come from a provider; `None` before the
    /// download itself is in the books.
    pub(super) fn new(
        engine: &'a Engine,
        passing: &'a Passing,
        (provider, upstream): (&str, &Upstream),
        (ledger, name): (&Ledger, &str),
    ) -> Option<Self> {
        let mut event = ledger.draft.clone()?;
        event.call.dialect_out = Some(upstream.provider.dialect);
        let pricing = Pricing::new(&passing.in_force().prices, &upstream.provider.prices);
        Some(Self {
            engine,
            passing,
            name: batch_name(name),
            lines: BatchLines::new(upstream.provider.dialect),
            draft: LineDraft::new(event, pricing, (provider, name)),
            metered: None,
            share: engine.memory.share(),
            held: 0,
            tally: Tally::default(),
        })
    }

    /// Records the lines that end in the next bytes, which must not leave before.
    ///
    /// # Errors
    /// There is no room for them; the download must end.
    pub(super) async fn take(&mut self, bytes: &Bytes) -> Result<(), ErrorClass> {
        let found = self.lines.push(bytes);
        let more = self.lines.bytes_held().saturating_sub(self.held);
        if more > 0 {
            self.share.grow(more).map_err(|failure| failure.class)?;
            self.held = self.held.saturating_add(more);
        }
        for line in found {
            self.record(&line).await?;
        }
        Ok(())
    }

    /// Records what is left, after the last of all bytes.
    ///
    /// # Errors
    /// Those of [`Results::take`].
    pub(super) async fn end(&mut self) -> Result<(), ErrorClass> {
        match self.lines.end() {
            Some(line) => self.record(&line).await,
            None => Ok(()),
        }
    }

    async fn record(&mut self, line: &BatchLine) -> Result<(), ErrorClass> {
        self.tally.lines += 1;
        if line.answer == BatchAnswer::Unread {
            self.tally.unread += 1;
            let bytes_max = dialects::BATCH_LINE_BYTES_MAX;
            tracing::warn!(
                batch = self.name,
                line = line.custom_id,
                bytes_max,
                "a line of results is too long to be metered"
            );
        }
        if self.metered.is_none() {
            self.metered = Some(self.engine.batches.metered(&self.name).await);
        }
        for row in self.draft.rows(line, self.engine.accounting.clock.now()) {
            self.record_row(row).await?;
        }
        Ok(())
    }

    async fn record_row(&mut self, row: UsageEvent) -> Result<(), ErrorClass> {
        let Some(key) = row.batch_line().map(|line| line.key) else { return Ok(()) };
        if self.metered.as_ref().is_some_and(|metered| metered.contains(&key)) {
            return Ok(());
        }
        // Room first: a line that is remembered must have its row.
        let slot = self.room().await?;
        if !self.engine.batches.remember(key) {
            return Ok(());
        }
        let charges = self.charge(&row);
        slot.settle(row, charges);
        self.tally.recorded += 1;
        Ok(())
    }

    async fn room(&self) -> Result<Slot, ErrorClass> {
        let deadline = Instant::now() + SPOOL_TIME_MAX;
        loop {
            match self.engine.accounting.spool.reserve() {
                Ok(slot) => return Ok(slot),
                Err(error) if Instant::now() >= deadline => {
                    tracing::error!(batch = self.name, %error, "a download of results ends: no room to record it");
                    return Err(ErrorClass::Overloaded);
                }
                Err(_) => tokio::time::sleep(SPOOL_PAUSE).await,
            }
        }
    }

    /// Charges a row to the budgets that cover it. What it cost is spent already: nothing was held, and
    /// no limit can refuse it.
    fn charge(&self, row: &UsageEvent) -> Vec<Settlement> {
        let Accounting { treasury, clock, .. } = &*self.engine.accounting;
        let who = &self.passing.call.who;
        let spender = Spender {
            team: &who.key.team,
            project: who.key.project.as_ref(),
            key: who.key.id,
            user: who.user.as_deref(),
            customer: who.customer.as_deref(),
            model: row.model.resolved.as_deref().unwrap_or_default(),
        };
        let quote = Quote {
            fixed: Usd::ZERO,
            output_per_million: Usd::ZERO,
            output_tokens_max: 0,
            output_tokens_usual: 0,
        };
        let admission = Admission { spender, at: row.times.received_us, quote: Some(&quote) };
        let now = clock.now();
        let admitted =
            treasury.admit(&admission, now).or_else(|_| treasury.admit_alone(&admission, now));
        let billed = row.cost.billed.unwrap_or(Usd::ZERO);
        let Ok(reservation) = admitted else {
            telemetry::settled(row, Usd::ZERO);
            let request_id = row.ids.request_id;
            tracing::warn!(%request_id, "a line of results is not charged until budgets are compared with the lake");
            return Vec::new();
        };
        telemetry::settled(row, if reservation.is_guarded() { billed } else { Usd::ZERO });
        let charges = reservation.charges(billed);
        reservation.settle(billed);
        charges
    }
}

impl Drop for Results<'_> {
    fn drop(&mut self) {
        let Tally { lines, recorded, unread } = self.tally;
        if lines > 0 {
            tracing::info!(
                batch = self.name,
                lines,
                recorded,
                unread,
                "results of a batch downloaded"
            );
        }
    }
}
