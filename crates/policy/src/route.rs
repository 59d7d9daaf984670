//! Routes: an alias clients ask for, and the ordered targets that can answer it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What to do with the upstream when the client leaves in the middle of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnClientGone {
    /// Stop it and estimate what was used: cheaper where the provider stops billing.
    #[default]
    Cancel,
    /// Read it to its end for the provider's own figures.
    Drain,
}

/// One place that can answer: a provider and the model's name there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Provider id.
    pub provider: String,
    /// Model id as the provider names it.
    pub model: String,
    /// Longest wait for the first forwardable byte, milliseconds; the provider's own when absent.
    #[serde(default)]
    pub ttfb_timeout_ms: Option<u64>,
}

/// How answers of a route are kept for equal requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachePolicy {
    /// How long an answer may be used again, milliseconds.
    pub ttl_ms: u64,
}

/// An alias with its targets in order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Name clients use as the model.
    pub name: String,
    /// Targets, first is preferred; at least one.
    pub targets: Vec<Target>,
    /// What to do when a client leaves.
    #[serde(default)]
    pub on_client_gone: OnClientGone,
    /// Whether a parameter that a target cannot carry is dropped (and named) instead of refused.
    #[serde(default)]
    pub drop_params: bool,
    /// Whether equal requests of one tenant share an answer; off when absent.
    #[serde(default)]
    pub cache: Option<CachePolicy>,
}

/// Where one request may go, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The route chosen.
    pub route: Arc<Route>,
    /// How targets are ordered; recorded with each event.
    pub strategy: &'static str,
}

/// Why no route was chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Neither a route nor `provider/model`.
    #[error("model `{0}` is not configured: GET /v1/models lists what this key can use")]
    Unknown(String),
    /// The key's policy does not include it.
    #[error("this key may not use model `{0}`")]
    Forbidden(String),
    /// No provider of that name.
    #[error("provider `{0}` is not configured: see the `[[provider]]` sections")]
    UnknownProvider(String),
    /// The key's policy includes routes, not whole providers.
    #[error(
        "this key may use its routes only, so nothing can be passed on to provider `{0}`: use a key without a list of routes"
    )]
    ForbiddenProvider(String),
}
