//! The audit log: who did what, append-only, each entry's hash covering the one before it.
//!
//! It must never know how entries are stored; it only knows what is hashed.

use std::fmt;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;
use units::UnixMicros;

use crate::{Actor, StoreError};

/// A change to be recorded. `before` and `after` must not hold secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAudit {
    /// Who.
    pub actor: Actor,
    /// What, as `noun.verb`: `key.revoke`.
    pub action: &'static str,
    /// To which thing: its id or slug.
    pub subject: String,
    /// What it was; `Null` when it did not exist.
    pub before: Value,
    /// What it is; `Null` when it no longer exists.
    pub after: Value,
    /// Why, in the actor's words.
    pub reason: Option<String>,
}

impl NewAudit {
    /// A change with nothing to compare; fill in `before`, `after` and `reason` where there is.
    pub fn new(actor: &Actor, action: &'static str, subject: impl fmt::Display) -> Self {
        Self {
            actor: *actor,
            action,
            subject: subject.to_string(),
            before: Value::Null,
            after: Value::Null,
            reason: None,
        }
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: UnixMicros,
    /// Who.
    pub actor: String,
    /// What, as `noun.verb`.
    pub action: String,
    /// To which thing.
    pub subject: String,
    /// `before`, `after` and `reason` as canonical JSON.
    pub detail: String,
    /// Hash of the entry before; zeros for the first. Hexadecimal in JSON.
    #[serde(serialize_with = "hexadecimal")]
    pub previous_hash: [u8; 32],
    /// Hash of this entry. Hexadecimal in JSON.
    #[serde(serialize_with = "hexadecimal")]
    pub hash: [u8; 32],
}

/// What checking the whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every entry is there and as it was written.
    Intact {
        /// How many entries.
        entries: u64,
        /// Hash of the last. Kept elsewhere, it also proves that nobody rewrote the whole log.
        head: [u8; 32],
    },
    /// The log was tampered with.
    Broken {
        /// The first entry that is missing or does not fit.
        seq: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The audit log of an installation.
#[async_trait]
pub trait Audit: Send + Sync + fmt::Debug {
    /// Appends an entry of its own. Changes made through this crate append theirs themselves, in the
    /// transaction that makes the change.
    async fn append(&self, entry: &NewAudit) -> Result<AuditEntry, StoreError>;

    /// Entries before a position (`None`: the newest), newest first, at most `limit`.
    async fn list(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// Checks every entry against its hash and its neighbours. Reads the whole log, page by page.
    async fn verify(&self) -> Result<AuditVerdict, StoreError>;
}

impl AuditEntry {
    /// The next entry of a chain that ends with `previous_hash`.
    pub(crate) fn next(seq: u64, at: UnixMicros, new: &NewAudit, previous_hash: [u8; 32]) -> Self {
        let detail = serde_json::json!({
            "before": new.before, "after": new.after, "reason": new.reason,
        });
        let mut entry = Self {
            seq,
            at,
            actor: new.actor.to_string(),
            action: new.action.to_owned(),
            subject: new.subject.clone(),
            detail: canonical(&detail),
            previous_hash,
            hash: [0; 32],
        };
        entry.hash = entry.expected_hash();
        entry
    }

    /// What the hash must be: blake3 over the previous hash and the entry as canonical JSON.
    pub(crate) fn expected_hash(&self) -> [u8; 32] {
        // The detail is hashed as the text that is stored: parsing it again could lose a digit.
        let content = serde_json::json!({
            "seq": self.seq, "at_us": self.at.get(), "actor": self.actor, "action": self.action,
            "subject": self.subject, "detail": self.detail,
        });
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.previous_hash);
        hasher.update(canonical(&content).as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// JSON with the keys of every object sorted and no white space, whatever order the map keeps.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<(&String, &Value)> = map.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| {
                    format!("{}:{}", Value::String(name.clone()), canonical(value))
                })
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

fn hexadecimal<S: serde::Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&blake3::Hash::from_bytes(*hash).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_at_every_depth_and_escapes_names() {
        let value = serde_json::json!({"b": [{"z": 1, "a": null}], "a\"": "é", "B": true});
        assert_eq!(canonical(&value), r#"{"B":true,"a\"":"é","b":[{"a":null,"z":1}]}"#);
    }

    #[test]
    fn every_field_of_an_entry_is_under_its_hash() {
        let new = NewAudit::new(&Actor::Cli, "key.revoke", "key_1");
        let entry = AuditEntry::next(7, UnixMicros::new(5), &new, [9; 32]);
        let altered = |change: fn(&mut AuditEntry)| {
            let mut other = entry.clone();
            change(&mut other);
            other.expected_hash()
        };
        let changes: [fn(&mut AuditEntry); 7] = [
            |e| e.seq += 1,
            |e| e.at = UnixMicros::new(6),
            |e| e.actor.push('x'),
            |e| e.action.push('x'),
            |e| e.subject.push('x'),
            |e| e.detail.push('x'),
            |e| e.previous_hash = [8; 32],
        ];
        assert_eq!(altered(|_| ()), entry.hash);
        for (field, change) in changes.into_iter().enumerate() {
            assert_ne!(altered(change), entry.hash, "field {field}");
        }
    }
}
