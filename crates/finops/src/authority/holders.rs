//! The gateway processes that have reported: their clocks, and which of their predecessors are gone.

use std::collections::BTreeMap;

use policy::{Lease, LeaseReport};
use units::UnixMicros;

/// Nodes remembered; a new one beyond them is heard but not remembered.
const NODES_MAX: usize = 4_096;

/// What the newest report of each node said of itself.
#[derive(Debug, Default)]
pub(super) struct Holders(BTreeMap<String, Heard>);

#[derive(Debug, Clone)]
struct Heard {
    present: Present,
    skew_us: i64,
}

/// The processes of a node whose spending may not be in the lake yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Present {
    epoch: String,
    unfinished: Vec<String>,
}

impl Present {
    /// Those a report names.
    pub(super) fn of(report: &LeaseReport) -> Self {
        Self { epoch: report.epoch.clone(), unfinished: report.unfinished.clone() }
    }

    /// Whether an open lease of the node is that of a process all of whose spending is in the lake.
    /// Epochs sort by age; a younger one reports elsewhere, and what we know of it is out of date.
    pub(super) fn has_outlived(&self, lease: &Lease) -> bool {
        lease.is_open() && lease.epoch < self.epoch && !self.unfinished.contains(&lease.epoch)
    }
}

impl Holders {
    /// Notes a report that arrived at `now`.
    pub(super) fn hear(&mut self, report: &LeaseReport, now: UnixMicros) {
        if self.0.len() < NODES_MAX || self.0.contains_key(&report.node) {
            let skew_us = report.sent_at.micros_since(now);
            let heard = Heard { present: Present::of(report), skew_us };
            self.0.insert(report.node.clone(), heard);
        }
    }

    /// The processes of each node, as it last said.
    pub(super) fn present(&self) -> BTreeMap<String, Present> {
        self.0.iter().map(|(node, heard)| (node.clone(), heard.present.clone())).collect()
    }

    /// How far the clock of each node is ahead, microseconds.
    pub(super) fn skew_us(&self) -> BTreeMap<String, i64> {
        self.0.iter().map(|(node, heard)| (node.clone(), heard.skew_us)).collect()
    }
}
