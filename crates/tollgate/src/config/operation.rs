//! `[pricing]`, `[auth]` and `[telemetry]`: small sections that say how the product is run.
//!
//! Must never read the files or the filters they name.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What models cost, beyond the catalog built in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pricing {
    /// JSON file of negotiated or missing prices, laid over the built-in catalog. Relative to the
    /// working directory. Default: none.
    #[schemars(with = "Option<String>", length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// How people log in to the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// How long a login link works, seconds; it works once. 15 minutes.
    #[schemars(range(min = 30, max = 86_400))]
    pub login_link_ttl_s: u64,
    /// How long a login lasts, seconds. 12 hours.
    #[schemars(range(min = 60, max = 2_592_000))]
    pub session_ttl_s: u64,
}

impl Default for Auth {
    fn default() -> Self {
        Self { login_link_ttl_s: 900, session_ttl_s: 43_200 }
    }
}

/// What the process says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or directives such as
    /// `info,gateway=debug`.
    #[schemars(length(min = 1))]
    pub log: String,
    /// How a log line is written.
    pub log_format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Text }
    }
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
