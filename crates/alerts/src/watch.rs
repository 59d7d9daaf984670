//! Looks every few seconds at what was spent and at what stands still, and turns what is unusual into
//! incidents and messages.
//!
//! Any number of processes may watch one store: an incident is opened once for its key and a message
//! kept once for its dedupe key, whoever comes first. The present comes from the injected clock. It
//! must never know where figures come from ([`Inputs`]) or how a message is sent.

mod context;
mod inputs;
mod known;
mod ledger;
mod reported;
mod tell;

pub use inputs::{Breakdown, Inputs, ModelHour, TeamAmount, TeamHour};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use finops::{
    BudgetRule, BudgetUse, BurnRule, DriftRule, Finding, IncidentFigures, Level, Measured, Rule,
    Span, SpendRule, StallKind, Step, course,
};
use metrics::counter;
use store::{Incident, IncidentFilter, Incidents, NewIncident, Outbox, PAGE_MAX};
use tokio::sync::watch;
use units::{BillingZone, Clock, UnixMicros};

use crate::notice::headline;
use crate::{AlertsError, Channels, Links, Turn};
use known::Remembered;
use ledger::SpendLedger;
use reported::ReportedLedger;

/// How far back a model without a price is looked for, microseconds: one hour.
const UNPRICED_US: i64 = 3_600_000_000;
/// How often the drivers of an open incident are read anew, microseconds.
const CONTEXT_EVERY_US: i64 = 300_000_000;

/// What counts as unusual, and how often it is looked for.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// When a budget is told of.
    pub budget: BudgetRule,
    /// When an hour is unusual.
    pub spend: SpendRule,
    /// When a rate is a runaway.
    pub burn: BurnRule,
    /// When a provider's own figures differ.
    pub drift: DriftRule,
    /// Time between two looks.
    pub every: Duration,
    /// The zone weeks and months are cut in, and times told in.
    pub zone: BillingZone,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            budget: BudgetRule::default(),
            spend: SpendRule::default(),
            burn: BurnRule::default(),
            drift: DriftRule::default(),
            every: Duration::from_secs(15),
            zone: BillingZone::UTC,
        }
    }
}

/// Where incidents and messages go.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Incidents.
    pub incidents: Arc<dyn Incidents>,
    /// Messages to be sent.
    pub outbox: Arc<dyn Outbox>,
    /// Whom to tell.
    pub channels: Channels,
    /// Where messages lead.
    pub links: Links,
}

/// What one look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Incidents opened.
    pub opened: usize,
    /// Open incidents brought up to date.
    pub updated: usize,
    /// Incidents ended.
    pub resolved: usize,
    /// Messages kept to be sent.
    pub told: usize,
}

/// Watches.
pub struct Watch {
    inputs: Arc<dyn Inputs>,
    desk: Desk,
    clock: Arc<dyn Clock>,
    options: WatchOptions,
    /// A drop before this was not watched, and may be our own absence.
    started_at: UnixMicros,
    ledger: SpendLedger,
    reported: ReportedLedger,
    /// When the drivers of an open incident were last read, by its key.
    contexts: BTreeMap<String, UnixMicros>,
    /// Dedupe keys of messages this process has kept already.
    told: BTreeSet<String>,
}

/// What was found, and by which rules nothing more.
#[derive(Debug, Default)]
struct Found {
    findings: Vec<Finding>,
    looked: BTreeSet<Rule>,
    budgets: Vec<BudgetUse>,
}

impl Watch {
    /// A watch that begins now: what happened before does not open incidents, unless it still goes on.
    pub fn new(
        inputs: Arc<dyn Inputs>,
        desk: Desk,
        clock: Arc<dyn Clock>,
        options: WatchOptions,
    ) -> Self {
        let started_at = clock.now();
        Self {
            inputs,
            desk,
            clock,
            options,
            started_at,
            ledger: SpendLedger::default(),
            reported: ReportedLedger::default(),
            contexts: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// Looks until `stopping` turns true or its sender is gone.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        loop {
            if let Err(error) = Box::pin(self.look()).await {
                counter!("tollgate_watch_failures_total").increment(1);
                tracing::warn!(%error, "incidents could not be kept");
            }
            let stop = stopping.wait_for(|stops| *stops);
            // Time over is the usual case; a sender that is gone has stopped.
            if tokio::time::timeout(self.options.every, stop).await.is_ok() {
                return;
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// When the store fails. Inputs that cannot be read are logged, and their rules left out.
    pub async fn look(&mut self) -> Result<Look, AlertsError> {
        let now = self.clock.now();
        let remembered = self.remember(now).await?;
        let found = self.find(&remembered, now).await;
        let steps = course(&found.findings, &remembered.known, &found.looked, now);
        let mut look = Look::default();
        for step in steps {
            self.take(step, &found, &remembered, &mut look).await?;
        }
        self.catch_up(&remembered, &mut look, now).await?;
        Ok(look)
    }

    /// Every open incident, and the newest of those that are over.
    async fn remember(&self, now: UnixMicros) -> Result<Remembered, AlertsError> {
        let filter =
            |open_only| IncidentFilter { open_only, limit: PAGE_MAX, ..IncidentFilter::default() };
        let open = self.desk.incidents.list(&filter(true)).await?;
        let newest = self.desk.incidents.list(&filter(false)).await?;
        let ended = newest.into_iter().filter(|incident| !incident.is_open());
        Ok(Remembered::of(open.into_iter().chain(ended), now))
    }

    /// Asks every rule. One whose inputs fail is left out, and the others go on.
    async fn find(&mut self, remembered: &Remembered, now: UnixMicros) -> Found {
        let mut found = Found::default();
        if let Some(budgets) = known_or_logged("budgets", self.inputs.budgets().await) {
            let rule = &self.options.budget;
            found.findings.extend(budgets.iter().flat_map(|one| finops::budget(one, rule, now)));
            found.looked.extend([Rule::BudgetSpent, Rule::BudgetForecast]);
            found.budgets = budgets;
        }
        let mut is_usage_late = false;
        if let Some(gauges) = known_or_logged("gauges", self.inputs.gauges().await) {
            is_usage_late = gauges.iter().any(|gauge| is_late(&gauge.measured));
            found.findings.extend(gauges.iter().filter_map(|gauge| finops::stalled(gauge, now)));
            found.looked.insert(Rule::Stalled);
        }
        let lately = Span { from: now.plus_micros(-UNPRICED_US), to: now };
        if let Some(usage) = known_or_logged("unpriced", self.inputs.unpriced(lately).await) {
            found.findings.extend(usage.iter().filter_map(|one| finops::unpriced(one, now)));
            found.looked.insert(Rule::UnpricedModel);
        }
        let read = self.reported.look(self.inputs.as_ref(), &self.options.drift, now).await;
        if let Some(Some(findings)) = known_or_logged("reported costs", read) {
            found.findings.extend(findings);
            found.looked.insert(Rule::CostDrift);
        }
        // Usage that has not arrived looks like a drop, and like a runaway that is over.
        if !is_usage_late {
            let spend = self.find_spend(remembered, &found.budgets, now).await;
            if let Some(findings) = known_or_logged("spend", spend) {
                found.findings.extend(findings);
                found.looked.extend([Rule::TeamSpend, Rule::BurnRate]);
            }
        }
        found
    }

    async fn find_spend(
        &mut self,
        remembered: &Remembered,
        budgets: &[BudgetUse],
        now: UnixMicros,
    ) -> Result<Vec<Finding>, AlertsError> {
        let (inputs, options) = (&self.inputs, &self.options);
        self.ledger.refresh(inputs.as_ref(), options, remembered, now).await?;
        let recent = Span { from: now.plus_micros(-finops::BURN_WINDOW_US), to: now };
        let recent = inputs.recent(recent).await?;
        Ok(self.ledger.findings(&recent, options, budgets, (self.started_at, now)))
    }

    async fn take(
        &mut self,
        step: Step,
        found: &Found,
        remembered: &Remembered,
        look: &mut Look,
    ) -> Result<(), AlertsError> {
        match step {
            Step::Open { finding } => {
                let finding = &found.findings[finding];
                let figures = self.with_context(finding, None, true).await;
                let incident = self.note(finding, figures).await?;
                counter!("tollgate_incidents_total", "rule" => finding.rule.as_str()).increment(1);
                look.opened += 1;
                look.told += self.tell(&incident, Turn::Opened).await?;
            }
            Step::Update { finding, known, tells } => {
                let finding = &found.findings[finding];
                let stored = remembered.figures(known);
                let figures = self.with_context(finding, stored, tells).await;
                let incident = self.note(finding, figures).await?;
                look.updated += 1;
                if tells {
                    look.told += self.tell(&incident, Turn::Updated).await?;
                }
            }
            Step::Resolve { known, tells } => {
                let now = self.clock.now();
                let key = &remembered.known[known].key;
                let ended = self.desk.incidents.resolve(key, now).await?;
                self.contexts.remove(key);
                let Some(incident) = ended else { return Ok(()) };
                look.resolved += 1;
                // That a month is over is no news of its budget.
                if tells && !known::is_window_over(&incident, now) {
                    look.told += self.tell(&incident, Turn::Resolved).await?;
                }
            }
        }
        Ok(())
    }

    async fn note(
        &self,
        finding: &Finding,
        figures: IncidentFigures,
    ) -> Result<Incident, AlertsError> {
        let seen = NewIncident {
            key: finding.key(),
            kind: finding.rule.to_string(),
            severity: finding.severity,
            subject: finding.subject.clone(),
            team: finding.team.clone(),
            headline: headline(finding.rule, &finding.subject, &figures),
            at: figures.last_seen,
            figures: serde_json::to_value(&figures)?,
        };
        let (incident, _) = self.desk.incidents.open_or_update(&seen).await?;
        Ok(incident)
    }

    /// The figures of a finding, with what drives it: read when the incident opens or is told again,
    /// and every few minutes; carried over between.
    async fn with_context(
        &mut self,
        finding: &Finding,
        stored: Option<&IncidentFigures>,
        tells: bool,
    ) -> IncidentFigures {
        let now = self.clock.now();
        let mut figures = known::merged(finding, stored);
        let key = finding.key();
        let is_due = match finding.rule {
            Rule::TeamSpend | Rule::BurnRate => {
                let is_old = |at: &UnixMicros| now.micros_since(*at) >= CONTEXT_EVERY_US;
                let is_due = self.contexts.get(&key).is_none_or(is_old);
                tells || (is_due && finding.level == Level::Alarm)
            }
            Rule::CostDrift => tells || figures.sample_requests.is_empty(),
            _ => false,
        };
        if is_due {
            let read = context::add(self.inputs.as_ref(), finding, &mut figures, now).await;
            if known_or_logged("drivers", read).is_some() {
                self.contexts.insert(key, now);
            }
        }
        figures
    }
}

/// Whether a gauge says that usage waits to be committed for too long.
fn is_late(measured: &Measured) -> bool {
    matches!(
        measured,
        Measured::Lag { what: StallKind::SpoolCommit, lag_us, limit_us } if lag_us > limit_us
    )
}

/// What was read, or nothing and a line in the log.
fn known_or_logged<T>(inputs: &'static str, read: Result<T, AlertsError>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            counter!("tollgate_watch_failures_total").increment(1);
            tracing::warn!(inputs, %error, "what is watched could not be read");
            None
        }
    }
}
