//! The snapshot as a document: everything a gateway needs to serve, as the console compiles and sends
//! it and as a gateway keeps it on disk.
//!
//! It holds hashes of keys and references to secrets, never a secret.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use events::Dialect;
use pricing::{Layer, LayerKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use units::{BillingZone, PeriodError, Slug, UnixMicros};

use crate::{Budget, Key, KeyHash, Route, Snapshot};

/// The format this release writes, and the only one it reads.
pub const SNAPSHOT_FORMAT: u32 = 1;

/// What the operator's price file is called where its own name is not told.
const OPERATOR_FILE: &str = "pricing.file";

/// Everything a gateway needs. Fields this release does not know are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotDocument {
    /// [`SNAPSHOT_FORMAT`] of the writer.
    pub format: u32,
    /// Counts up with every change, within one compiler's life.
    pub version: u64,
    /// When it was compiled, compiler's clock.
    pub compiled_at: UnixMicros,
    /// The organisation.
    pub organisation: Slug,
    /// IANA name of its zone, in which windows are cut.
    pub zone: String,
    /// Every key that works, by the hash of its secret.
    pub keys: Vec<KeyEntry>,
    /// Routes, names unique.
    pub routes: Vec<Route>,
    /// Providers, names unique.
    pub providers: Vec<ProviderEntry>,
    /// Budgets of every scope.
    pub budgets: Vec<Budget>,
    /// The operator's price file, verbatim: all that gateways of releases before `price_layers` know to
    /// lay over their catalog. A gateway of this release reads it where there are no layers.
    #[serde(default)]
    pub prices: Option<String>,
    /// Everything that goes over the catalog of a gateway, the operator's price file included, in the
    /// order it is laid; none in a document of a release that did not know layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_layers: Option<Vec<Layer>>,
}

/// A key and the hash its secret is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// blake3 of the secret; 64 hexadecimal digits in JSON.
    #[serde(serialize_with = "write_hash", deserialize_with = "read_hash")]
    pub hash: KeyHash,
    /// What it may do.
    pub key: Key,
}

/// A provider as configured, its secret by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderEntry {
    /// Id, as routes name it.
    pub name: String,
    /// Wire format it speaks.
    pub dialect: Dialect,
    /// Base URL, `https://host[:port]/path`.
    pub base_url: String,
    /// Where the gateway finds the credential: `env:NAME` or `file:PATH`; none for providers without
    /// one.
    #[serde(default)]
    pub secret: Option<String>,
    /// Provider id in the price book.
    pub prices: String,
    /// Connections kept ready.
    pub connections_max: u32,
    /// Longest wait for a connection, milliseconds.
    pub connect_timeout_ms: u64,
    /// Longest wait for the first forwardable byte, milliseconds.
    pub ttfb_timeout_ms: u64,
    /// Longest silence within an answer, milliseconds.
    pub idle_timeout_ms: u64,
}

/// Why a document is not a snapshot this gateway can serve from. The fault is the compiler's, or that
/// of whoever cut the document; no retry helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Written by a release this one cannot follow.
    #[error(
        "the snapshot has format {0}, this gateway reads format 1: run the same release on both"
    )]
    Format(u32),
    /// Its zone is unknown here.
    #[error("the snapshot cannot be used: {0}")]
    Zone(#[from] PeriodError),
    /// Two things share a name, or a hash.
    #[error("the snapshot names {what} `{name}` twice")]
    Twice {
        /// What kind of thing.
        what: &'static str,
        /// Its name; for keys their id.
        name: String,
    },
    /// A route has nowhere to go, or names a provider that is not there.
    #[error("the snapshot's route `{0}` has no target that is a provider of the snapshot")]
    Target(String),
}

impl SnapshotDocument {
    /// The content's name: `snap_` and 16 hexadecimal digits of blake3 over everything but version and
    /// time, whatever the order of keys.
    pub fn tag(&self) -> String {
        let mut content = Self { version: 0, compiled_at: UnixMicros::default(), ..self.clone() };
        content.keys.sort_unstable_by_key(|entry| entry.hash);
        let mut hash = HashWriter(blake3::Hasher::new());
        // Writing to a hash cannot fail, and every field has a JSON form.
        let written = serde_json::to_writer(&mut hash, &content);
        debug_assert!(written.is_ok(), "a snapshot that has no JSON form");
        format!("snap_{}", &hash.0.finalize().to_hex()[..16])
    }

    /// Everything that goes over the catalog, in the order it is laid, whichever release wrote the
    /// document.
    pub fn layers(&self) -> Cow<'_, [Layer]> {
        match (&self.price_layers, &self.prices) {
            (Some(layers), _) => Cow::Borrowed(layers),
            (None, Some(json)) => Cow::Owned(vec![Layer {
                kind: LayerKind::Operator,
                name: OPERATOR_FILE.to_owned(),
                json: json.clone(),
            }]),
            (None, None) => Cow::Borrowed(&[]),
        }
    }

    /// The zone windows are cut in.
    pub fn billing_zone(&self) -> Result<BillingZone, SnapshotError> {
        Ok(BillingZone::named(&self.zone)?)
    }
}

impl Snapshot {
    /// The snapshot of a document, checked.
    pub fn from_document(document: &SnapshotDocument) -> Result<Self, SnapshotError> {
        if document.format != SNAPSHOT_FORMAT {
            return Err(SnapshotError::Format(document.format));
        }
        document.billing_zone()?;
        let twice =
            |what, name: &dyn fmt::Display| SnapshotError::Twice { what, name: name.to_string() };
        let mut snapshot = Self { version: document.version, ..Self::default() };
        for provider in &document.providers {
            if !snapshot.providers.insert(provider.name.clone()) {
                return Err(twice("provider", &provider.name));
            }
        }
        for KeyEntry { hash, key } in &document.keys {
            if snapshot.keys.insert(*hash, Arc::new(key.clone())).is_some() {
                return Err(twice("the hash of key", &key.id));
            }
        }
        for route in &document.routes {
            let known = |target: &crate::Target| snapshot.providers.contains(&target.provider);
            if route.targets.is_empty() || !route.targets.iter().all(known) {
                return Err(SnapshotError::Target(route.name.clone()));
            }
            if snapshot.routes.insert(route.name.clone(), Arc::new(route.clone())).is_some() {
                return Err(twice("route", &route.name));
            }
        }
        let mut ids = BTreeSet::new();
        for budget in &document.budgets {
            if !ids.insert(budget.id) {
                return Err(twice("budget", &budget.name));
            }
            snapshot.budgets.push(budget.clone());
        }
        Ok(snapshot)
    }
}

struct HashWriter(blake3::Hasher);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write_hash<S: Serializer>(hash: &KeyHash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&blake3::Hash::from_bytes(*hash).to_hex())
}

fn read_hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyHash, D::Error> {
    let text = String::deserialize(deserializer)?;
    let hash = blake3::Hash::from_hex(&text).map_err(|_| {
        de::Error::custom("the hash of a key must be 64 hexadecimal digits, lower case")
    })?;
    Ok(*hash.as_bytes())
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
