//! `[link]`: how a gateway and a console that run apart find and trust each other.
//!
//! Must never hold the secret, only where it is found.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretRef;
use super::values::HttpUrl;

/// How the two halves find each other when they run apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// URL of the console that `tollgate gateway` gets its snapshot and its leases from. Default:
    /// none, and the gateway decides from this file alone.
    #[schemars(with = "Option<String>", extend("format" = "http-url"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_url: Option<HttpUrl>,
    /// Where the secret that gateways and console share is found: `env:NAME` or `file:/path`.
    /// Default: none, and the console serves no gateway.
    #[schemars(with = "Option<String>", extend("format" = "secret-reference"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// PEM file of the authority that signed the console's certificate. Default: the usual ones.
    #[schemars(with = "Option<String>", length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How long a lease holds after the console was last heard, milliseconds: how long a gateway
    /// may spend what it holds while the console is away.
    #[schemars(range(min = 1_000, max = 3_600_000))]
    pub lease_ttl_ms: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self { console_url: None, secret: None, ca_file: None, lease_ttl_ms: 60_000 }
    }
}
