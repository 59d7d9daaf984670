//! The bill the simulated providers would send: totals per model and the last requests one by one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Serialize;

/// Most requests kept one by one.
const REQUESTS_MAX: usize = 100_000;
/// Parts the kept requests are spread over, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// Most models told apart; further ones are billed together as `other`.
const MODELS_MAX: usize = 10_000;

/// What is billed. Input is disjoint (uncached, read, written); reasoning is part of output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quantities {
    /// Requests answered, in full or in part.
    pub requests: u64,
    /// Input that no cache held, tokens.
    pub input_tokens: u64,
    /// Input read from the prompt cache, tokens.
    pub cache_read_tokens: u64,
    /// Input written to the prompt cache, tokens.
    pub cache_write_tokens: u64,
    /// The part of the written that is kept for an hour, tokens.
    pub cache_write_1h_tokens: u64,
    /// Output, reasoning included, tokens.
    pub output_tokens: u64,
    /// The part of the output that is reasoning, tokens.
    pub reasoning_tokens: u64,
    /// Searches of a reranker.
    pub searches: u64,
}

impl Quantities {
    /// All input, cached or not, tokens.
    pub const fn prompt_tokens(&self) -> u64 {
        self.input_tokens + self.cache_read_tokens + self.cache_write_tokens
    }

    fn values(self) -> [u64; 8] {
        [
            self.requests,
            self.input_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
            self.cache_write_1h_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.searches,
        ]
    }

    const fn from_values(values: [u64; 8]) -> Self {
        let [requests, input, read, write, write_1h, output, reasoning, searches] = values;
        Self {
            requests,
            input_tokens: input,
            cache_read_tokens: read,
            cache_write_tokens: write,
            cache_write_1h_tokens: write_1h,
            output_tokens: output,
            reasoning_tokens: reasoning,
            searches,
        }
    }
}

impl std::iter::Sum for Quantities {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        Self::from_values(items.fold([0; 8], |mut sum, item| {
            for (sum, value) in sum.iter_mut().zip(item.values()) {
                *sum = sum.saturating_add(value);
            }
            sum
        }))
    }
}

/// One billed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BilledRequest {
    /// The answer's id, as its body names it.
    pub id: String,
    /// The request's id, as the answer's header names it.
    pub request_id: String,
    /// The model, without a script.
    pub model: String,
    /// Whether the answer was produced to its end.
    pub is_complete: bool,
    /// What is billed for it.
    pub quantities: Quantities,
}

/// What is billed so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Totals by model, without a script.
    pub models: BTreeMap<String, Quantities>,
    /// The last 100,000 requests, oldest first.
    pub requests: Vec<BilledRequest>,
}

impl Bill {
    /// Everything together.
    pub fn total(&self) -> Quantities {
        self.models.values().copied().sum()
    }

    /// The billed request whose answer or header carried this id; what it was billed on further models
    /// follows it under the same ids.
    pub fn request(&self, id: &str) -> Option<&BilledRequest> {
        self.requests.iter().find(|request| request.id == id || request.request_id == id)
    }
}

/// Where bills are added up while requests run.
#[derive(Debug)]
pub(crate) struct Ledger {
    models: RwLock<HashMap<String, Arc<Counters>>>,
    shards: [Mutex<VecDeque<(u64, BilledRequest)>>; SHARDS],
    serial: AtomicU64,
    keeps_requests: bool,
}

#[derive(Debug, Default)]
struct Counters([AtomicU64; 8]);

impl Ledger {
    /// An empty ledger; without `keeps_requests` only totals are kept.
    pub(crate) fn new(keeps_requests: bool) -> Self {
        Self {
            models: RwLock::default(),
            shards: std::array::from_fn(|_| Mutex::default()),
            serial: AtomicU64::new(0),
            keeps_requests,
        }
    }

    /// Adds one request.
    pub(crate) fn add(&self, request: BilledRequest) {
        let counters = self.counters(&request.model);
        for (counter, value) in counters.0.iter().zip(request.quantities.values()) {
            if value > 0 {
                counter.fetch_add(value, Ordering::AcqRel);
            }
        }
        if !self.keeps_requests {
            return;
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let shard = usize::try_from(serial).unwrap_or(0) % SHARDS;
        let mut kept = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= REQUESTS_MAX / SHARDS {
            kept.pop_front();
        }
        kept.push_back((serial, request));
    }

    /// Totals, and the kept requests when asked for.
    pub(crate) fn bill(&self, with_requests: bool) -> Bill {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let read = |counters: &Counters| {
            let values = std::array::from_fn(|i| counters.0[i].load(Ordering::Acquire));
            Quantities::from_values(values)
        };
        let models = models.iter().map(|(name, counters)| (name.clone(), read(counters))).collect();
        let mut kept = Vec::new();
        if with_requests {
            for shard in &self.shards {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(shard.iter().cloned());
            }
            kept.sort_by_key(|(serial, _)| *serial);
        }
        Bill { models, requests: kept.into_iter().map(|(_, request)| request).collect() }
    }

    /// Starts an empty bill.
    pub(crate) fn reset(&self) {
        self.models.write().unwrap_or_else(PoisonError::into_inner).clear();
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn counters(&self, model: &str) -> Arc<Counters> {
        if let Some(counters) =
            self.models.read().unwrap_or_else(PoisonError::into_inner).get(model)
        {
            return Arc::clone(counters);
        }
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        let name = if models.len() < MODELS_MAX { model } else { "other" };
        Arc::clone(models.entry(name.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: usize) -> BilledRequest {
        BilledRequest {
            id: format!("id{number}"),
            request_id: format!("req{number}"),
            model: "m".to_owned(),
            is_complete: true,
            quantities: Quantities { requests: 1, output_tokens: 2, ..Quantities::default() },
        }
    }

    #[test]
    fn totals_count_all_requests_and_the_list_keeps_the_last() {
        let ledger = Ledger::new(true);
        for number in 0..REQUESTS_MAX + 50 {
            ledger.add(request(number));
        }
        let bill = ledger.bill(true);
        assert_eq!(bill.total().output_tokens, 2 * 100_050);
        assert_eq!(bill.requests.len(), REQUESTS_MAX);
        assert_eq!(bill.requests[0].id, "id50");
        assert!(bill.request("req100049").is_some() && bill.request("id49").is_none());
        ledger.reset();
        assert_eq!(ledger.bill(true), Bill::default());
    }
}
