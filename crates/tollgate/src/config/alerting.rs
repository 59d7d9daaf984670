//! `[[alert]]` and `[detection]`: who is told of what, and what counts as unusual.
//!
//! Must never hold the URL of a channel, only where it is found: whoever has it can post there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Slug, Usd};

use super::secret::SecretRef;

/// A channel incidents are told on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Name, as the delivery log shows it.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub name: Slug,
    /// What is spoken there.
    pub kind: ChannelKind,
    /// Where its URL is found: `env:NAME` or `file:/path`.
    #[schemars(with = "String", extend("format" = "secret-reference"))]
    pub url: SecretRef,
    /// Where the secret that signs a webhook is found (`whsec_…`). Default: a webhook is not signed.
    #[schemars(with = "Option<String>", extend("format" = "secret-reference"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<SecretRef>,
    /// Slugs of the teams whose incidents are told here. Default: all, and what belongs to no team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Least severity that is told.
    #[serde(default)]
    pub severity_min: Severity,
    /// Whether the URL may name a private address.
    #[serde(default)]
    pub allow_private: bool,
}

/// What a channel speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Slack's incoming webhook: Block Kit.
    Slack,
    /// A webhook signed as Standard Webhooks says.
    Webhook,
}

/// How much an incident matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Info,
    /// Worth a look today.
    Warning,
    /// Costs money now.
    Critical,
}

/// What counts as unusual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Detection {
    /// Shares of a budget that are told when they are reached, percent.
    pub budget_percent: Vec<u16>,
    /// Least amount an unusual hour must be off by, US dollars as text.
    #[schemars(with = "String", extend("format" = "usd"))]
    pub impact_usd_min: Usd,
    /// Least share an unusual hour must be off by, percent of what was expected.
    #[schemars(range(min = 1, max = 100_000))]
    pub impact_percent_min: u32,
    /// How many times the usual spend of five minutes is a runaway.
    #[schemars(range(min = 2, max = 1_000))]
    pub burn_rate_times: u32,
    /// Least spend of five minutes that is a runaway, US dollars as text.
    #[schemars(with = "String", extend("format" = "usd"))]
    pub burn_usd_min: Usd,
    /// Least difference between what a provider reports and the price book, thousandths of what it reports:
    /// 5 is half a percent.
    #[schemars(range(min = 1, max = 1_000))]
    pub drift_per_mille_min: u32,
    /// Least amount such a difference must come to since it began, within two weeks, US dollars as text.
    #[schemars(with = "String", extend("format" = "usd"))]
    pub drift_usd_min: Usd,
    /// Least calls such a difference must rest on.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub drift_calls_min: u64,
    /// Age of the oldest usage not yet in the lake that is told, seconds.
    #[schemars(range(min = 5, max = 86_400))]
    pub commit_lag_s_max: u64,
    /// Time between two looks, seconds.
    #[schemars(range(min = 1, max = 3_600))]
    pub every_s: u64,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            budget_percent: vec![80, 100],
            impact_usd_min: Usd::from_dollars(5),
            impact_percent_min: 50,
            burn_rate_times: 10,
            burn_usd_min: Usd::from_dollars(1),
            drift_per_mille_min: 5,
            drift_usd_min: Usd::from_dollars(1),
            drift_calls_min: 20,
            commit_lag_s_max: 60,
            every_s: 15,
        }
    }
}
