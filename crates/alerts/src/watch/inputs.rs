//! What a watch looks at, in plain values. It must never know a table or a query.

use std::fmt;

use async_trait::async_trait;
use finops::{
    BudgetUse, DriverBy, Gauge, HourPoint, LineChange, Moved, ReportedHour, Span, Unpriced,
};
use units::{UnixMicros, Usd};

use crate::AlertsError;

/// What a team spent in an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamHour {
    /// The team's slug; `None` is usage of no team.
    pub team: Option<String>,
    /// The hour and what was spent in it, as far as it is known.
    pub point: HourPoint,
}

/// What a team spent in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamAmount {
    /// The team's slug; `None` is usage of no team.
    pub team: Option<String>,
    /// Billed cost, USD.
    pub cost: Usd,
}

/// What a provider named for the calls of one model in an hour, beside what they cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelHour {
    /// The provider; `None` where the usage has none.
    pub provider: Option<String>,
    /// The model as sent to it.
    pub model: Option<String>,
    /// The hour and its figures.
    pub point: ReportedHour,
}

/// A team's cost in two windows, by what it is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// By model, with tokens: what price, volume and mix are computed from.
    pub models: Vec<LineChange>,
    /// By dimension.
    pub moved: Vec<Moved>,
}

/// Where a watch reads.
#[async_trait]
pub trait Inputs: Send + Sync + fmt::Debug {
    /// Every budget with what its present window has spent, over all gateways.
    async fn budgets(&self) -> Result<Vec<BudgetUse>, AlertsError>;

    /// What every team spent in each hour of UTC that the span touches; hours without usage may be
    /// left out.
    async fn hours(&self, span: Span) -> Result<Vec<TeamHour>, AlertsError>;

    /// What every team spent in a short span, to the microsecond.
    async fn recent(&self, span: Span) -> Result<Vec<TeamAmount>, AlertsError>;

    /// Models used without a price in a span.
    async fn unpriced(&self, span: Span) -> Result<Vec<Unpriced>, AlertsError>;

    /// What must move, and how far it lags.
    async fn gauges(&self) -> Result<Vec<Gauge>, AlertsError>;

    /// What providers named beside what was computed, in each hour of UTC that the span touches; hours in
    /// which none did are left out.
    async fn reported(&self, span: Span) -> Result<Vec<ModelHour>, AlertsError>;

    /// Ids of the requests of a model at a provider whose reported cost lies furthest from the computed
    /// one, in a span, at most three.
    async fn differing(
        &self,
        provider: Option<&str>,
        model: Option<&str>,
        span: Span,
    ) -> Result<Vec<String>, AlertsError>;

    /// A team's cost in two spans, by what it is made of.
    async fn breakdown(
        &self,
        team: &str,
        before: Span,
        after: Span,
    ) -> Result<Breakdown, AlertsError>;

    /// Ids of a team's requests in a span, the dearest first, at most three; of those with a value of a
    /// dimension when one is given.
    async fn samples(
        &self,
        team: &str,
        driver: Option<(DriverBy, &str)>,
        span: Span,
    ) -> Result<Vec<String>, AlertsError>;

    /// When the newest usage that can be read had arrived.
    async fn newest(&self) -> Result<Option<UnixMicros>, AlertsError>;
}
