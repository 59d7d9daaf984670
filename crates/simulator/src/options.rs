//! What a simulator is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use units::{Clock, Secret, SystemClock};

use crate::Script;

/// The one account that may sign requests where any key is accepted, as `id:secret`.
pub const AWS_CREDENTIALS: &str = "AKIASIMULATED0000000:simulated/secret+access/key";

/// How to start a [`crate::Simulator`]. The default listens on a free loopback port with seed 1.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// Where to listen; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Decides every answer, together with the prompt.
    pub seed: u64,
    /// Keys accepted; empty accepts any key but `sk-bad`. Those of accounts, which sign, are written
    /// `id:secret` or `id:secret:token`.
    pub keys: Vec<Secret>,
    /// What `created`, cache lifetimes and rate windows are read from.
    pub clock: Arc<dyn Clock>,
    /// Applied to every request, beneath faults, model names and headers.
    pub script: Script,
    /// Length of an ordinary answer, words (and so tokens).
    pub answer_words: RangeInclusive<u64>,
    /// Keep the last 100,000 billed requests one by one; benches turn it off.
    pub keeps_requests: bool,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            keys: Vec::new(),
            clock: Arc::new(SystemClock),
            script: Script::default(),
            answer_words: 12..=36,
            keeps_requests: true,
        }
    }
}
