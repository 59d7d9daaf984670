//! `[[provider]]` and `[[route]]`: where requests can go, and what clients ask for.
//!
//! Must never know a provider by name: what is not written comes from the provider table it is
//! given.

use events::Dialect;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use units::Slug;

use super::secret::SecretRef;
use super::values::HttpUrl;

/// A provider requests can be sent to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = filled_from_the_table)]
pub struct Provider {
    /// Name, as routes and reports show it. A name of the provider table brings its dialect, URL
    /// and prices with it.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub name: Slug,
    /// Wire format it speaks. Default: the provider table's for this name.
    pub dialect: Dialect,
    /// URL its paths are appended to. Default: the provider table's for this name.
    #[schemars(with = "String", extend("format" = "http-url"))]
    pub base_url: HttpUrl,
    /// Where its key is found: `env:NAME` or `file:/path`. Default: none is sent.
    #[schemars(with = "Option<String>", extend("format" = "secret-reference"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// Provider of the price catalog whose prices apply. Default: `name`.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub prices: Slug,
    /// Most connections kept open to it.
    #[schemars(range(min = 1, max = 65_535))]
    #[serde(default = "default_connections_max")]
    pub connections_max: u32,
    /// Longest time to connect, milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Longest time from sending the request to the first byte of the answer, milliseconds; then
    /// the next target is tried.
    #[schemars(range(min = 1, max = 3_600_000))]
    #[serde(default = "default_ttfb_timeout_ms")]
    pub ttfb_timeout_ms: u64,
    /// Longest time between two chunks of an answer, milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    #[serde(default = "default_idle_timeout_ms")]
    pub idle_timeout_ms: u64,
}

const fn default_connections_max() -> u32 {
    512
}

const fn default_connect_timeout_ms() -> u64 {
    3_000
}

const fn default_ttfb_timeout_ms() -> u64 {
    60_000
}

const fn default_idle_timeout_ms() -> u64 {
    60_000
}

/// The keys that are filled in before the file becomes a [`Provider`]: required of the type, not of
/// the file.
fn filled_from_the_table(schema: &mut Schema) {
    if let Some(required) = schema.get_mut("required").and_then(|value| value.as_array_mut()) {
        required.retain(|name| name == "name");
    }
}

/// An alias clients ask for as their model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Name clients write as the model.
    #[schemars(extend("format" = "model-name"))]
    pub name: String,
    /// Targets, first is preferred; at least one.
    #[schemars(length(min = 1, max = 32))]
    pub targets: Vec<Target>,
    /// How targets are ordered.
    #[serde(default)]
    pub strategy: Strategy,
    /// What happens upstream when the client leaves in the middle of a stream.
    #[serde(default)]
    pub on_client_gone: OnClientGone,
    /// Whether a parameter the target cannot carry is dropped (and named in the answer) instead of
    /// refused.
    #[serde(default)]
    pub drop_params: bool,
    /// How long an answer may serve equal requests of the same team, seconds. Default: answers are
    /// not kept.
    #[schemars(range(min = 1, max = 2_592_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_ttl_s: Option<u32>,
}

/// A provider and a model there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of a `[[provider]]`.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub provider: Slug,
    /// Model as the provider names it.
    #[schemars(extend("format" = "model-name"))]
    pub model: String,
    /// Longest time to the first byte of the answer, milliseconds. Default: the provider's.
    #[schemars(range(min = 1, max = 3_600_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttfb_timeout_ms: Option<u64>,
}

/// How the targets of a route are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// As written; the next is tried when one fails.
    #[default]
    Ordered,
}

/// What happens upstream when the client leaves in the middle of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnClientGone {
    /// It is cancelled and its usage estimated from what had arrived.
    #[default]
    Cancel,
    /// It is read to its end for the provider's own figures.
    Drain,
}
