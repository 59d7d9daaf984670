//! Alerts as they are wired: channels from the configuration, a watch over lake and budgets, a worker
//! over the outbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alerts::{
    AlertsError, Channel, ChannelOptions, Channels, Desk, LakeInputs, Links, Standing, Watch,
    WatchOptions, Worker, WorkerOptions,
};
use async_trait::async_trait;
use finops::{BudgetRule, BudgetUse, BurnRule, DriftRule, Gauge, Measured, SpendRule, StallKind};
use lake::Lake;
use serde_json::Value;
use store::{DeliveryKind, Leases, Severity, Store};
use units::{Clock, UnixMicros};

use super::board::team_of;
use super::followers::Followers;
use super::publisher::Published;
use crate::config::{self, ChannelKind, Config, Environment};
use crate::failure::CommandError;

/// What alerts are made from.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) environment: &'a Environment,
    pub(super) authority: Arc<finops::Authority>,
    pub(super) published: Published,
    pub(super) followers: Arc<Followers>,
    pub(super) lake: Lake,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
}

/// The watch and the worker, ready to run.
pub(super) fn start(parts: Parts<'_>) -> Result<(Watch, Worker), CommandError> {
    let Parts { config, environment, authority, published, followers, lake, store, clock } = parts;
    let channels = channels(config, environment)?;
    let detection = &config.detection;
    let standing = Processes {
        authority,
        leases: store.leases(),
        published,
        followers,
        lake: lake.clone(),
        clock: Arc::clone(&clock),
        behind: Mutex::default(),
        lag_us_max: i64::try_from(detection.commit_lag_s_max).unwrap_or(i64::MAX) * 1_000_000,
    };
    let options = WatchOptions {
        budget: BudgetRule {
            thresholds_percent: detection.budget_percent.iter().copied().map(u32::from).collect(),
            ..BudgetRule::default()
        },
        spend: SpendRule {
            impact_min: detection.impact_usd_min,
            percent_min: detection.impact_percent_min,
            ..SpendRule::default()
        },
        burn: BurnRule { times: detection.burn_rate_times, floor: detection.burn_usd_min },
        drift: DriftRule {
            per_mille_min: detection.drift_per_mille_min,
            amount_min: detection.drift_usd_min,
            calls_min: detection.drift_calls_min,
            ..DriftRule::default()
        },
        every: Duration::from_secs(detection.every_s),
        zone: config.organisation.time_zone.billing().clone(),
    };
    let desk = Desk {
        incidents: store.incidents(),
        outbox: store.outbox(),
        channels: channels.clone(),
        links: Links::new(&config.console_url()),
    };
    let inputs = Arc::new(LakeInputs::new(lake, Arc::new(standing)));
    let watch = Watch::new(inputs, desk, Arc::clone(&clock), options);
    let worker = Worker::new(store.outbox(), channels, clock, WorkerOptions::default())
        .map_err(|error| CommandError::Usage(error.to_string()))?;
    Ok((watch, worker))
}

/// The channels of a configuration, their URLs resolved.
fn channels(config: &Config, environment: &Environment) -> Result<Channels, CommandError> {
    let usage = |alert: &config::Alert, error: &dyn std::fmt::Display| {
        CommandError::Usage(format!("alert `{}`: {error}", alert.name))
    };
    let mut channels = Vec::new();
    for alert in &config.alerts {
        let url = alert.url.resolve(environment).map_err(|error| usage(alert, &error))?;
        let secret = alert.signing_secret.as_ref().map(|reference| reference.resolve(environment));
        let secret = secret.transpose().map_err(|error| usage(alert, &error))?;
        let teams = alert.teams.iter().filter_map(|team| team.parse().ok()).collect();
        let channel = Channel::new(ChannelOptions {
            name: alert.name.to_string(),
            kind: kind(alert.kind),
            url,
            secrets: secret.into_iter().collect(),
            severity_min: match alert.severity_min {
                config::Severity::Info => Severity::Info,
                config::Severity::Warning => Severity::Warning,
                config::Severity::Critical => Severity::Critical,
            },
            teams,
            allow_private: alert.allow_private,
        });
        channels.push(channel.map_err(|error| usage(alert, &error))?);
    }
    Ok(Channels::new(channels))
}

fn kind(kind: ChannelKind) -> DeliveryKind {
    match kind {
        ChannelKind::Slack => DeliveryKind::Slack,
        ChannelKind::Webhook => DeliveryKind::Webhook,
    }
}

/// The channels as the console's pages know them.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Vec<console::alerting::Channel>);

impl Shown {
    /// Those of a configuration, in its order.
    pub(super) fn of(config: &Config) -> Self {
        let shown = |alert: &config::Alert| console::alerting::Channel {
            name: alert.name.to_string(),
            kind: kind(alert.kind),
        };
        Self(config.alerts.iter().map(shown).collect())
    }
}

impl console::adapters::Channels for Shown {
    fn all(&self) -> Vec<console::alerting::Channel> {
        self.0.clone()
    }

    fn test_message(&self, channel: &console::alerting::Channel, at: UnixMicros) -> Value {
        alerts::test_message(&channel.name, channel.kind, at).payload
    }
}

/// What the running processes know of themselves.
struct Processes {
    authority: Arc<finops::Authority>,
    leases: Arc<dyn Leases>,
    published: Published,
    followers: Arc<Followers>,
    lake: Lake,
    clock: Arc<dyn Clock>,
    lag_us_max: i64,
    /// Gateway processes with usage that was not in the lake yet: up to which number, since when.
    behind: Mutex<BTreeMap<(String, String), (u64, UnixMicros)>>,
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Processes")
    }
}

#[async_trait]
impl Standing for Processes {
    async fn budgets(&self) -> Result<Vec<BudgetUse>, AlertsError> {
        let statuses = self.authority.status(self.clock.now()).await;
        let statuses = statuses.map_err(|error| AlertsError::Inputs(error.to_string()))?;
        let document = Arc::clone(&self.published.borrow());
        let scope = |id| document.budgets.iter().find(|b| b.id == id).map(|b| &b.scope);
        let used = |status: policy::BudgetStatus| BudgetUse {
            id: status.id,
            team: scope(status.id).and_then(team_of),
            name: status.name,
            limit: status.limit,
            spent: status.spent,
            window_start: status.window_start,
            window_end: status.resets_at,
        };
        Ok(statuses.into_iter().map(used).collect())
    }

    /// A gateway that has settled more than is in the lake, for longer than a commit takes, has a
    /// committer that stands still, wherever it runs.
    async fn gauges(&self) -> Result<Vec<Gauge>, AlertsError> {
        let now = self.clock.now();
        let books = self.leases.open_windows(now).await?;
        let mut settled: BTreeMap<(String, String), u64> = BTreeMap::new();
        for lease in books.into_iter().flat_map(|books| books.leases) {
            // While it holds something the newest frame may be an intent, which is not committed.
            if lease.is_open() && lease.reserved.is_zero() {
                let known = settled.entry((lease.node, lease.epoch)).or_default();
                *known = lease.next_seq.max(*known);
            }
        }
        let mut gauges = self.followers.gauges(now);
        for (holder, next_seq) in &settled {
            let committed = self.lake.committed_seq(&holder.0, &holder.1).await;
            let committed = committed.map_err(|error| AlertsError::Inputs(error.to_string()))?;
            let reached = committed.map_or(0, |seq| u64::try_from(seq).unwrap_or(0) + 1);
            gauges.push(Gauge {
                subject: holder.0.clone(),
                measured: Measured::Lag {
                    what: StallKind::SpoolCommit,
                    lag_us: self.lag_us(holder, *next_seq, reached, now),
                    limit_us: self.lag_us_max,
                },
            });
        }
        self.behind().retain(|holder, _| settled.contains_key(holder));
        Ok(gauges)
    }
}

impl Processes {
    /// How long what was settled first has not been in the lake.
    fn lag_us(
        &self,
        holder: &(String, String),
        next_seq: u64,
        reached: u64,
        now: UnixMicros,
    ) -> i64 {
        let mut behind = self.behind();
        if behind.get(holder).is_some_and(|(wanted, _)| reached >= *wanted) {
            behind.remove(holder);
        }
        if reached >= next_seq {
            return 0;
        }
        let (_, since) = behind.entry(holder.clone()).or_insert((next_seq, now));
        now.micros_since(*since)
    }

    fn behind(&self) -> MutexGuard<'_, BTreeMap<(String, String), (u64, UnixMicros)>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
