//! The configuration: one TOML file, overridden by the environment, read once into types that
//! cannot be wrong.
//!
//! The JSON Schema made from [`Config`] is also what the file is checked against, so that the
//! documentation, the editor's completion and the checks cannot disagree. Every problem is found in
//! one pass and shown with file, line and remedy. This module must never know what a value is used
//! for: it opens no socket and no database, and resolves a secret only when asked.

mod alerting;
mod check;
mod complete;
mod diagnostic;
mod environment;
mod finding;
mod formats;
mod link;
mod nearest;
mod operation;
mod overrides;
mod read;
mod relations;
mod routing;
mod schema;
mod secret;
mod server;
mod show;
mod storage;
mod template;
mod tenancy;
mod tree;
mod values;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use alerting::{Alert, ChannelKind, Detection, Severity};
pub use complete::KnownProvider;
pub use diagnostic::{ConfigDiagnostics, Problem};
pub use environment::Environment;
pub use link::Link;
pub use operation::{Auth, LogFormat, Pricing, Telemetry};
pub use routing::{OnClientGone, Provider, Route, Strategy, Target};
pub use schema::json_schema;
pub use secret::{SecretError, SecretRef, SecretsUnresolved};
pub use server::{DeniedStatus, Server};
pub use storage::{Database, SpoolSync, Storage};
pub use template::{TEMPLATE, TemplateError, write_template};
pub use tenancy::{
    Budget, ClientField, Key, OnTight, OnUnpriced, Organisation, Team, WhenAlone, Window,
};
pub use values::{HttpUrl, KeyHash, Zone};

/// Tollgate's configuration.
///
/// Every scalar of a section can be overridden by an environment variable named
/// `TOLLGATE__SECTION__KEY`, such as `TOLLGATE__SERVER__GATEWAY`; lists only by the file. Secrets
/// are never written here, only where to find them: `env:NAME` or `file:/path`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose gateway this is.
    pub organisation: Organisation,
    /// Where it listens and what it accepts.
    #[serde(default)]
    pub server: Server,
    /// Where it keeps what it records.
    #[serde(default)]
    pub storage: Storage,
    /// What models cost.
    #[serde(default)]
    pub pricing: Pricing,
    /// How people log in to the console.
    #[serde(default)]
    pub auth: Auth,
    /// How gateway and console find each other when they run apart.
    #[serde(default)]
    pub link: Link,
    /// What counts as unusual.
    #[serde(default)]
    pub detection: Detection,
    /// What it logs.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// Providers requests can be sent to.
    #[serde(default, rename = "provider", skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<Provider>,
    /// Aliases clients ask for, each with the targets that can answer it.
    #[serde(default, rename = "route", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Teams, who pay.
    #[serde(default, rename = "team", skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Team>,
    /// Hard limits on what a scope spends.
    #[serde(default, rename = "budget", skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// Virtual keys declared here, by the hash of their secret, for a gateway that runs without a
    /// database; `tollgate key create` keeps its keys in the database instead.
    #[serde(default, rename = "key", skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// Channels incidents are told on.
    #[serde(default, rename = "alert", skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

impl Config {
    /// Where a browser reaches the console: `server.console_url`, else `http://` (`https://` with a
    /// certificate) and the address the console listens on. Without a slash at the end.
    pub fn console_url(&self) -> String {
        match &self.server.console_url {
            Some(url) => url.as_str().to_owned(),
            None if self.server.console_cert_file.is_some() => {
                format!("https://{}", self.server.console)
            }
            None => format!("http://{}", self.server.console),
        }
    }

    /// The provider of a name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name.as_str() == name)
    }
}
