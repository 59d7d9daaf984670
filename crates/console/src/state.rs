//! What every handler shares: the three things read from, the clock, and a few settings.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use units::{BillingPeriod, BillingZone, Clock, UnixMicros};

use crate::error::ConsoleError;
use crate::ledger::LedgerError;
use crate::moments::Moments;
use crate::{Access, BudgetBoard, Ledger, PublicUrl};

/// Ledger queries under way at once: they compete with the committer for cores, so more would only
/// make each slower.
const LEDGER_READS_MAX: usize = 4;
/// Longest wait for a ledger query, its turn included.
const LEDGER_WAIT: Duration = Duration::from_secs(20);

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
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) budgets: Arc<dyn BudgetBoard>,
    pub(crate) settings: Arc<ConsoleSettings>,
    clock: Arc<dyn Clock>,
    reads: Arc<Semaphore>,
}

impl ConsoleState {
    /// A console over these sources.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        access: Arc<dyn Access>,
        budgets: Arc<dyn BudgetBoard>,
        clock: Arc<dyn Clock>,
        settings: ConsoleSettings,
    ) -> Self {
        let reads = Arc::new(Semaphore::new(LEDGER_READS_MAX));
        Self { ledger, access, budgets, settings: Arc::new(settings), clock, reads }
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
