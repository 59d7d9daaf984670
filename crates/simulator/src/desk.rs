//! What all requests share: the options, the bill, the faults, the caches, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::SimulatorOptions;
use crate::beats::Produced;
use crate::bill::{BilledRequest, Ledger};
use crate::dice::scramble;
use crate::fault::Faults;
use crate::kept::Kept;
use crate::prefix::PrefixCache;
use crate::rate::RateLimits;

/// The state behind every request.
#[derive(Debug)]
pub(crate) struct Desk {
    /// As started.
    pub(crate) options: SimulatorOptions,
    /// What is owed.
    pub(crate) ledger: Ledger,
    /// Scripts set at run time.
    pub(crate) faults: Faults,
    /// Windows of the rate-limit script.
    pub(crate) limits: RateLimits,
    /// The prompt cache.
    pub(crate) prefixes: PrefixCache,
    /// Files and batches.
    pub(crate) kept: Kept,
    served: AtomicU64,
    stopping: watch::Receiver<bool>,
}

impl Desk {
    /// A desk that closes when `stopping` turns true.
    pub(crate) fn new(options: SimulatorOptions, stopping: watch::Receiver<bool>) -> Self {
        Self {
            ledger: Ledger::new(options.keeps_requests),
            faults: Faults::default(),
            limits: RateLimits::default(),
            prefixes: PrefixCache::default(),
            kept: Kept::default(),
            served: AtomicU64::new(0),
            options,
            stopping,
        }
    }

    /// A number no other request of this simulator has; it looks random, as providers' ids do.
    pub(crate) fn serial(&self) -> u64 {
        scramble(self.served.fetch_add(1, Ordering::Relaxed) ^ scramble(self.options.seed))
    }

    /// Whether a key opens the door.
    pub(crate) fn admits(&self, key: &str) -> bool {
        if self.options.keys.is_empty() {
            return !key.is_empty() && key != "sk-bad";
        }
        self.options.keys.iter().any(|known| known.expose() == key)
    }

    /// The account of an access key's id. Keys of accounts are written `id:secret` or
    /// `id:secret:token`; where any key is accepted there is one account, [`crate::AWS_CREDENTIALS`].
    pub(crate) fn account(&self, id: &str) -> Option<Account<'_>> {
        let keys = self.options.keys.iter().map(|key| key.expose());
        let any = self.options.keys.is_empty().then_some(crate::AWS_CREDENTIALS);
        keys.chain(any).find_map(|key| {
            let (known, rest) = key.split_once(':')?;
            let (secret, token) = rest.split_once(':').unwrap_or((rest, ""));
            (known == id).then_some(Account { secret, token })
        })
    }

    /// Waits; false when the simulator stops meanwhile.
    pub(crate) async fn pause(&self, ms: u64) -> bool {
        if ms == 0 {
            return true;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => true,
            () = self.stopped() => false,
        }
    }

    /// Returns when the simulator stops.
    pub(crate) async fn stopped(&self) {
        // An error means that the simulator's handle is gone, which ends it as well.
        let _ = self.stopping.clone().wait_for(|stops| *stops).await;
    }
}

/// What belongs to the id of an access key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account<'a> {
    /// The key that signs.
    pub(crate) secret: &'a str,
    /// Token of a temporary key; empty for a lasting one.
    pub(crate) token: &'a str,
}

/// The bill of one stream while it runs. Dropping it bills what was produced so far.
#[derive(Debug)]
pub(crate) struct Charge {
    desk: Arc<Desk>,
    owed: Option<BilledRequest>,
    /// What is owed on further models, whatever becomes of the answer.
    beside: Vec<BilledRequest>,
    said_tokens: u64,
}

impl Charge {
    /// A charge to be settled on `desk`; `owed` holds the input and no output yet.
    pub(crate) fn new(desk: Arc<Desk>, owed: BilledRequest) -> Self {
        Self { desk, owed: Some(owed), beside: Vec::new(), said_tokens: 0 }
    }

    /// The same with what is owed on further models.
    pub(crate) fn with(mut self, beside: Vec<BilledRequest>) -> Self {
        self.beside = beside;
        self
    }

    /// Adds output.
    pub(crate) fn add(&mut self, produced: Produced) {
        if let Some(owed) = &mut self.owed {
            owed.quantities.output_tokens += produced.output_tokens;
            owed.quantities.reasoning_tokens += produced.reasoning_tokens;
        }
    }

    /// Notes output the answer claims ahead of its text; what it says is the least that is billed.
    pub(crate) fn say(&mut self, output_tokens: u64) {
        self.said_tokens = output_tokens;
    }

    /// Bills once; later calls do nothing.
    pub(crate) fn settle(&mut self, is_complete: bool) {
        if let Some(mut owed) = self.owed.take() {
            let produced = owed.quantities.output_tokens;
            owed.quantities.output_tokens = produced.max(self.said_tokens);
            self.desk.ledger.add(BilledRequest { is_complete, ..owed });
            for beside in self.beside.drain(..) {
                self.desk.ledger.add(BilledRequest { is_complete, ..beside });
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.settle(false);
    }
}
