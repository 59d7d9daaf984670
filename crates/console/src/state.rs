//! What every handler shares: the sources, the clock, and a few settings.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use units::{BillingPeriod, BillingZone, Clock, UnixMicros};

use crate::desk::Desk;
use crate::error::ConsoleError;
use crate::ledger::LedgerError;
use crate::moments::Moments;
use crate::prices::PriceDesk;
use crate::replay::Replays;
use crate::{PublicUrl, Sources};

/// Ledger queries under way at once: they compete with the committer for cores, so more would only
/// make each slower.
const LEDGER_READS_MAX: usize = 4;
/// Longest wait for a ledger query, its turn included.
const LEDGER_WAIT: Duration = Duration::from_secs(20);

/// Gateways that may wait for a snapshot at once: each holds a connection and a timer.
const POLLS_MAX: usize = 1_024;

/// How this console is reached and what it is called.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// Where browsers reach it; decides the accepted origins and whether cookies are `Secure`.
    pub public_url: PublicUrl,
    /// The organisation's name, shown on every page.
    pub organisation: String,
    /// The zone days and months are cut in.
    pub zone: BillingZone,
}

/// Everything a handler needs; cheap to clone.
#[derive(Clone)]
pub struct ConsoleState {
    pub(crate) sources: Arc<Sources>,
    pub(crate) settings: Arc<ConsoleSettings>,
    /// What was answered lately to changes that may be asked for twice.
    pub(crate) replays: Arc<Replays>,
    clock: Arc<dyn Clock>,
    reads: Arc<Semaphore>,
    polls: Arc<Semaphore>,
}

impl ConsoleState {
    /// A console over these sources.
    pub fn new(sources: Sources, settings: ConsoleSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            sources: Arc::new(sources),
            settings: Arc::new(settings),
            replays: Arc::default(),
            clock,
            reads: Arc::new(Semaphore::new(LEDGER_READS_MAX)),
            polls: Arc::new(Semaphore::new(POLLS_MAX)),
        }
    }

    /// The present instant.
    pub(crate) fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    /// How instants are written for this console's readers.
    pub(crate) fn moments(&self) -> Moments {
        Moments::in_zone(&self.settings.zone)
    }

    /// The month the present lies in.
    pub(crate) fn current_period(&self) -> BillingPeriod {
        BillingPeriod::containing(self.now(), &self.settings.zone)
    }

    /// What keys, incidents and deliveries are kept in; not found in a console without.
    pub(crate) fn desk(&self) -> Result<&Desk, ConsoleError> {
        self.sources.desk.as_ref().ok_or(ConsoleError::NotFound("page"))
    }

    /// The prices in force; not found in a console without.
    pub(crate) fn prices(&self) -> Result<&dyn PriceDesk, ConsoleError> {
        self.sources.prices.as_deref().ok_or(ConsoleError::NotFound("page"))
    }

    /// A place among the gateways that wait for a snapshot; `None` when too many do.
    pub(crate) fn poll(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.polls).try_acquire_owned().ok()
    }

    /// Waits for a ledger query, in turn and not for ever.
    pub(crate) async fn read<T>(
        &self,
        query: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, ConsoleError> {
        let in_turn = async {
            let _turn = self.reads.acquire().await;
            query.await
        };
        match tokio::time::timeout(LEDGER_WAIT, in_turn).await {
            Ok(outcome) => outcome.map_err(ConsoleError::Ledger),
            Err(_) => Err(ConsoleError::Ledger(LedgerError::TooSlow)),
        }
    }
}
