//! A slot: the room one attempt holds in the spool, from before it is sent until it is settled.
//!
//! This file must never know how segments are laid out.

use std::sync::Arc;

use events::{Frame, Intent, Settlement, UsageEvent};

use crate::frame::interrupted;
use crate::log::Log;
use crate::spool::{Handle, Shared};
use crate::trim::{FRAME_BYTES_MIN, Fitted, SETTLEMENTS_MAX, encode_within};
use crate::{SpoolError, Sync};

/// How much longer than its intent a settled event may be before its tags are dropped: the names
/// and ids the provider's answer adds.
const GROWTH_BYTES: u64 = 4096;

/// Most records of other models an attempt may leave beside its own, each of which takes the room of
/// one more frame while the attempt is under way.
pub const BESIDE_MAX: u8 = 3;

/// A record and what it charges.
pub type Record = (UsageEvent, Vec<Settlement>);

/// Room for one attempt: for the frame that opens it, the one that settles it, and those beside it
/// that were asked for ([`Slot::beside`]). Every way out accounts for it: [`Slot::settle`], or a drop,
/// which releases a slot that was never opened and settles an opened one as interrupted, at what it
/// held.
#[derive(Debug)]
pub struct Slot {
    handle: Arc<Handle>,
    id: u64,
    /// Largest frame, bytes.
    frame_bytes: u64,
    /// Records of other models there is to be room for.
    beside: u8,
    /// Bytes set aside for what is still to be written.
    held: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reserved,
    Opened(Box<Intent>),
    Settled,
}

impl Slot {
    /// A slot for which two frames of the largest size are held.
    pub(crate) fn new(handle: Arc<Handle>, id: u64, frame_bytes: u64) -> Self {
        Self { handle, id, frame_bytes, beside: 0, held: 2 * frame_bytes, stage: Stage::Reserved }
    }

    /// Asks for room for records of further models, [`BESIDE_MAX`] at most. It is taken when the slot
    /// is opened; from then on asking changes nothing.
    pub fn beside(&mut self, records: u8) {
        if matches!(self.stage, Stage::Reserved) {
            self.beside = records.min(BESIDE_MAX);
        }
    }

    /// How many records of further models there is room for.
    pub const fn room_beside(&self) -> u8 {
        self.beside
    }

    /// Records that an attempt is about to be sent, and what is held for it. May be called again
    /// to raise what is held: the last intent counts. On an error nothing is recorded and the
    /// attempt must not be sent.
    pub fn open(&mut self, intent: Intent) -> Result<(), SpoolError> {
        if intent.held.len() > SETTLEMENTS_MAX {
            let reason = format!("{} budgets, at most {SETTLEMENTS_MAX}", intent.held.len());
            return Err(SpoolError::TooLarge(reason));
        }
        let shared = self.handle.shared();
        let mut frame = Frame::Opened(Box::new(intent));
        let fitted =
            encode_within(&mut frame, in_memory(self.frame_bytes)).map_err(SpoolError::TooLarge)?;
        let length = fitted.bytes.len() as u64;
        let keep = (length + GROWTH_BYTES).clamp(u64::from(FRAME_BYTES_MIN), self.frame_bytes);
        let keep = keep * (u64::from(self.beside) + 1);

        let mut log = shared.log();
        let missing = (length + keep).saturating_sub(self.held);
        log.hold(missing).map_err(SpoolError::Full)?;
        self.held += missing;
        let seq = log.try_append(&fitted.bytes).map_err(SpoolError::io("write", shared.dir()))?;
        log.release(self.held - keep);
        self.held = keep;
        log.open.insert(self.id, seq);
        log.stats.0.trimmed += u64::from(fitted.is_trimmed);
        shared.wake_threads(&mut log);
        drop(log);
        if let Frame::Opened(intent) = frame {
            self.stage = Stage::Opened(intent);
        }
        make_durable(shared, seq);
        Ok(())
    }

    /// Records how the attempt ended and what it is charged; gives the frame's number. Cannot
    /// fail: the room was set aside. Should the disk fail all the same, the frame is kept in memory
    /// and written as soon as the disk takes it, and no slot is given until then.
    ///
    /// At most [`SETTLEMENTS_MAX`] settlements; an event larger than its slot loses its tags and is
    /// marked with the tag [`TRIMMED_TAG`](crate::TRIMMED_TAG).
    pub fn settle(self, event: UsageEvent, settlements: Vec<Settlement>) -> u64 {
        self.settle_with(Vec::new(), event, settlements)
    }

    /// The same with records of what the attempt used on other models, which get the numbers before
    /// it. At most as many as there was room asked for before it was opened: any further one is given
    /// up with an error in the log.
    pub fn settle_with(
        mut self,
        beside: Vec<Record>,
        event: UsageEvent,
        settlements: Vec<Settlement>,
    ) -> u64 {
        self.write_settled(beside, (event, settlements))
    }

    fn write_settled(&mut self, mut beside: Vec<Record>, settled: Record) -> u64 {
        let request_id = settled.0.ids.request_id;
        if beside.len() > usize::from(self.beside) {
            let given_up = beside.len() - usize::from(self.beside);
            tracing::error!(%request_id, given_up, "an attempt has records without room");
            beside.truncate(usize::from(self.beside));
        }
        self.stage = Stage::Settled;
        let shared = self.handle.shared();
        // Each frame has an equal share of what is held.
        let share = self.held / (u64::from(self.beside) + 1);
        let limit = in_memory(share.min(self.frame_bytes));
        let beside: Vec<_> = beside
            .into_iter()
            .map(bounded)
            .map(|(event, charges)| {
                encode_within(&mut Frame::Beside(Box::new(event), charges), limit)
            })
            .collect();
        let (event, charges) = bounded(settled);
        let fitted = encode_within(&mut Frame::Settled(Box::new(event), charges), limit);

        let mut log = shared.log();
        let mut error = None;
        for fitted in beside {
            self.held -= share;
            error = error.or(append(&mut log, fitted, share).1);
        }
        // Last, so that what a kill cuts off is accounted for by the intent.
        let (seq, own) = append(&mut log, fitted, self.held);
        let error = error.or(own);
        self.leave(&mut log);
        shared.wake_threads(&mut log);
        drop(log);
        match error {
            Some(error) => tracing::error!(%request_id, seq, error, "a frame waits for the disk"),
            None => make_durable(shared, seq),
        }
        seq
    }

    fn leave(&self, log: &mut Log) {
        log.open.remove(&self.id);
        log.slots = log.slots.saturating_sub(1);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Settled) {
            Stage::Settled => {}
            Stage::Reserved => {
                let mut log = self.handle.shared().log();
                log.release(self.held);
                self.leave(&mut log);
            }
            Stage::Opened(intent) => {
                let (request_id, attempt) = intent.attempt();
                tracing::error!(%request_id, attempt, "an opened slot was dropped unsettled");
                let (event, settlements) = interrupted(*intent);
                self.write_settled(Vec::new(), (event, settlements));
            }
        }
    }
}

/// A record that charges no more budgets than a frame holds.
fn bounded((event, mut charges): Record) -> Record {
    if charges.len() > SETTLEMENTS_MAX {
        let request_id = event.ids.request_id;
        let dropped = charges.len() - SETTLEMENTS_MAX;
        tracing::error!(%request_id, dropped, "an attempt is charged to too many budgets");
        charges.truncate(SETTLEMENTS_MAX);
    }
    (event, charges)
}

/// Appends a frame in the room held for it; its number, and what went wrong.
fn append(log: &mut Log, fitted: Result<Fitted, String>, held: u64) -> (u64, Option<String>) {
    match fitted {
        Ok(fitted) => {
            log.stats.0.trimmed += u64::from(fitted.is_trimmed);
            let (seq, error) = log.append(fitted.bytes, held);
            (seq, error.map(|error| error.to_string()))
        }
        // Texts are cut and lists bounded, so that this is out of reach.
        Err(reason) => {
            log.stats.0.write_errors += 1;
            log.release(held);
            (log.next_seq(), Some(reason))
        }
    }
}

/// With [`Sync::Every`] waits for the disk. A failure is counted and retried by the sync thread,
/// and no slot is given until that succeeds.
fn make_durable(shared: &Shared, seq: u64) {
    if shared.sync == Sync::Every
        && let Err(error) = shared.sync_through(seq)
    {
        tracing::error!(seq, %error, "a frame is not yet safe against power loss");
    }
}

fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
