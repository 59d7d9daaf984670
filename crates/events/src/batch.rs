//! What tells one line of a batch's results from every other: the results may be downloaded again and
//! again, and each line is to be accounted for once.

use std::fmt;

use crate::UsageEvent;

/// `endpoint` of rows that record a line of a batch's results.
pub const BATCH_LINE: &str = "batch.result";

/// Longest name a key is made of, bytes: texts of events may be cut to as many.
const NAME_BYTES_MAX: usize = 64;

/// Names a line, in 128 bits: the same line has the same key wherever and whenever it is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey([u8; 16]);

impl LineKey {
    /// The key of these bytes, as [`LineKey::bytes`] gave them.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Debug for LineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineKey({:032x})", u128::from_be_bytes(self.0))
    }
}

/// The line an event records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLine<'a> {
    /// The file or batch that holds it, by the provider's name.
    pub batch: &'a str,
    /// Which line.
    pub key: LineKey,
}

impl UsageEvent {
    /// The line of a batch's results this event records; `None` for every other event.
    ///
    /// A line is known by the provider's own id. Where it has none it is known by the client's, which
    /// is good within its batch only.
    pub fn batch_line(&self) -> Option<BatchLine<'_>> {
        if self.call.endpoint != BATCH_LINE {
            return None;
        }
        let batch = self.ids.session_id.as_deref()?;
        let mut hasher = blake3::Hasher::new_derive_key("tollgate 2026-11 batch line");
        match &self.outcome.upstream_request_id {
            Some(id) => hasher.update(b"id\0").update(id.as_bytes()),
            None => {
                let provider = self.model.provider.as_deref().unwrap_or_default();
                let own = self.ids.parent_id.as_deref()?;
                for part in ["own", provider, batch, own] {
                    hasher.update(part.as_bytes()).update(b"\0");
                }
                &mut hasher
            }
        };
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        Some(BatchLine { batch, key: LineKey(key) })
    }
}

/// A name as events of lines hold it: itself, or its hash where it is longer than 64 bytes, so that no
/// two names are ever cut to the same.
pub fn batch_name(name: &str) -> String {
    match name.len() <= NAME_BYTES_MAX {
        true => name.to_owned(),
        false => blake3::hash(name.as_bytes()).to_hex().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Attribution, Cache, CacheState, Call, Cost, Decision, EventIds, Meters, ModelNames,
        Outcome, Privacy, Times,
    };
    use units::{RequestId, UnixMicros};

    fn line(provider: &str, batch: &str, own: &str, id: Option<&str>) -> UsageEvent {
        let at = UnixMicros::new(7);
        UsageEvent {
            ids: EventIds {
                request_id: RequestId::generate(),
                attempt: 1,
                revision: 0,
                trace_id: None,
                session_id: Some(batch.to_owned()),
                parent_id: Some(own.to_owned()),
            },
            times: Times { received_us: at, first_byte_us: None, ended_us: at },
            attribution: Attribution::default(),
            decision: Decision::default(),
            model: ModelNames { provider: Some(provider.to_owned()), ..ModelNames::default() },
            call: Call {
                endpoint: BATCH_LINE.to_owned(),
                dialect_in: None,
                dialect_out: None,
                is_stream: false,
                request_bytes: 0,
                response_bytes: 0,
            },
            outcome: Outcome { upstream_request_id: id.map(str::to_owned), ..Outcome::default() },
            meters: Meters::NONE,
            cost: Cost::default(),
            cache: Cache { state: CacheState::Off, saved: None },
            privacy: Privacy::default(),
            source: "tollgate".to_owned(),
        }
    }

    #[test]
    fn a_line_is_known_by_the_providers_id_and_else_by_its_place() {
        let key = |event: &UsageEvent| event.batch_line().unwrap().key;
        let known = key(&line("openai", "file-1", "a", Some("batch_req_1")));
        assert_eq!(known, key(&line("other", "file-1", "b", Some("batch_req_1"))));
        assert_ne!(known, key(&line("openai", "file-1", "a", Some("batch_req_2"))));
        let own = key(&line("openai", "file-1", "a", None));
        for (provider, batch, name) in
            [("openai", "file-1", "b"), ("openai", "file-2", "a"), ("other", "file-1", "a")]
        {
            assert_ne!(own, key(&line(provider, batch, name, None)), "{provider} {batch} {name}");
        }
        assert_eq!(own, key(&line("openai", "file-1", "a", None)));
        assert_eq!(own, LineKey::from_bytes(own.bytes()));
    }

    #[test]
    fn other_events_record_no_line() {
        let mut event = line("openai", "file-1", "a", None);
        event.call.endpoint = "files".to_owned();
        assert_eq!(event.batch_line(), None);
    }

    #[test]
    fn a_long_name_becomes_its_hash_and_stays_different() {
        let (long, other) = ("n".repeat(70), "n".repeat(71));
        assert_eq!((batch_name(&long).len(), batch_name("short")), (64, "short".to_owned()));
        assert_ne!(batch_name(&long), batch_name(&other));
    }
}
