//! What is in force: the snapshot with everything this gateway adds to it, swapped whole.
//!
//! This file must never know where a document comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{ProviderEntry, Snapshot, SnapshotDocument, SnapshotError};
use pricing::{Layer, PriceBook, PriceBookError};
use units::{Clock, Secret};

use crate::upstream::{Provider, Upstream};

/// Keys, routes, budgets, providers and prices in force. Immutable; a request decides from one from
/// its beginning to its end.
pub struct InForce {
    /// Keys, routes and budgets.
    pub snapshot: Snapshot,
    /// Providers by id, each with its connections; one that cannot be used here is left out.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// What things cost.
    pub prices: Arc<PriceBook>,
    /// The document's tag; empty before there is one.
    pub tag: String,
    /// What lies over the catalog, by its hashes, to know whether it changed.
    laid: Vec<blake3::Hash>,
    /// Providers that cannot be used on this gateway, and why.
    left_out: BTreeMap<String, String>,
}

/// Why a document is not taken over; its author's to repair, and the one in force stays.
#[derive(Debug, thiserror::Error)]
pub enum InForceError {
    /// It does not make a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The prices in it do not read as prices.
    #[error(transparent)]
    Prices(#[from] PriceBookError),
}

/// Why a secret cannot be had on this gateway. Says where it was looked for, never what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretUnresolved(pub String);

/// Finds the secret behind a reference such as `env:NAME`.
pub type ResolveSecret = dyn Fn(&str) -> Result<Secret, SecretUnresolved> + Send + Sync;

/// What a gateway has of its own and a document only refers to.
pub struct Local {
    /// Finds secrets.
    pub secrets: Box<ResolveSecret>,
    /// The catalog alone: the prices of a document that lays nothing over it.
    pub prices: Arc<PriceBook>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl InForce {
    /// Nothing: no key is known and nothing is routed. What a gateway has before its first document.
    pub fn nothing(prices: Arc<PriceBook>) -> Self {
        Self {
            snapshot: Snapshot::default(),
            upstreams: BTreeMap::new(),
            prices,
            tag: String::new(),
            laid: Vec::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// What a document puts in force on this gateway. Providers and prices that are as they were in
    /// `previous` are taken from there, with their connections. A provider whose secret or address
    /// is of no use here is left out, so that its targets fail over; the rest is served.
    ///
    /// # Errors
    /// When the document does not make a snapshot, or its prices do not read as prices.
    pub fn compile(
        document: &SnapshotDocument,
        previous: Option<&InForce>,
        local: &Local,
    ) -> Result<Self, InForceError> {
        let snapshot = Snapshot::from_document(document)?;
        let layers = document.layers();
        let laid: Vec<blake3::Hash> = layers.iter().map(hash).collect();
        let prices = match previous.filter(|previous| previous.laid == laid) {
            Some(previous) => Arc::clone(&previous.prices),
            None if layers.is_empty() => Arc::clone(&local.prices),
            None => {
                let all: Vec<Layer> =
                    Layer::embedded().into_iter().chain(layers.into_owned()).collect();
                Arc::new(PriceBook::compose(&all)?)
            }
        };
        let mut upstreams = BTreeMap::new();
        let mut left_out = BTreeMap::new();
        for entry in &document.providers {
            let known = previous.and_then(|previous| previous.upstreams.get(&entry.name));
            match upstream(entry, known, local) {
                Ok(upstream) => drop(upstreams.insert(entry.name.clone(), upstream)),
                Err(reason) => drop(left_out.insert(entry.name.clone(), reason)),
            }
        }
        Ok(Self { snapshot, upstreams, prices, tag: document.tag(), laid, left_out })
    }

    /// Providers that cannot be used on this gateway, each with the reason. The reason names no
    /// secret.
    pub fn left_out(&self) -> &BTreeMap<String, String> {
        &self.left_out
    }
}

/// What tells a layer from every other.
fn hash(layer: &Layer) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in [layer.kind.as_str(), &layer.name, &layer.json] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize()
}

fn upstream(
    entry: &ProviderEntry,
    known: Option<&Arc<Upstream>>,
    local: &Local,
) -> Result<Arc<Upstream>, String> {
    let secret = entry.secret.as_deref().map(&local.secrets).transpose();
    let provider = Provider {
        name: entry.name.clone(),
        dialect: entry.dialect,
        base_url: entry.base_url.clone(),
        secret: secret.map_err(|error| error.to_string())?,
        auth: dialects::auth_of(&entry.name, entry.dialect, &entry.base_url),
        quirks: dialects::quirks_of(&entry.name, entry.dialect, &entry.base_url),
        prices: entry.prices.clone(),
        connections_max: usize::try_from(entry.connections_max).unwrap_or(usize::MAX),
        connect_timeout_ms: entry.connect_timeout_ms,
        ttfb_timeout_ms: entry.ttfb_timeout_ms,
        idle_timeout_ms: entry.idle_timeout_ms,
    };
    match known.filter(|known| known.provider == provider) {
        Some(known) => Ok(Arc::clone(known)),
        None => Upstream::new(provider, Arc::clone(&local.clock))
            .map(Arc::new)
            .map_err(|error| error.to_string()),
    }
}
