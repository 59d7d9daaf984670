//! What a watch looks at, read from the lake; what only the running processes know comes from
//! [`Standing`]. It must never hold SQL: the lake answers in plain values.

use std::sync::Arc;

use async_trait::async_trait;
use finops::{
    BudgetUse, DriverBy, Gauge, HOUR_US, HourPoint, LineChange, Moved, ReportedHour, Span,
    Unpriced, Use,
};
use lake::{Dimension, Filter, GroupBy, Lake, LakeError, Lens, ModelUse, Window};
use units::UnixMicros;

use crate::AlertsError;
use crate::watch::{Breakdown, Inputs, ModelHour, TeamAmount, TeamHour};

/// Values of a dimension that are compared; the change of those beyond is no driver.
const VALUES_MAX: u32 = 500;
/// Hours read by one query: the rows of a result are bounded, and a thousand teams fit this many.
const HOURS_AT_ONCE: i64 = 96;
/// Requests named.
const SAMPLES_MAX: u32 = 3;

/// What the running processes know of themselves.
#[async_trait]
pub trait Standing: Send + Sync + std::fmt::Debug {
    /// Every budget with what its present window has spent, over all gateways.
    async fn budgets(&self) -> Result<Vec<BudgetUse>, AlertsError>;

    /// What must move, and how far it lags.
    async fn gauges(&self) -> Result<Vec<Gauge>, AlertsError>;
}

/// [`Inputs`] over a lake.
#[derive(Debug, Clone)]
pub struct LakeInputs {
    lake: Lake,
    standing: Arc<dyn Standing>,
}

impl LakeInputs {
    /// Reads spend from a lake, and the rest from what runs.
    pub fn new(lake: Lake, standing: Arc<dyn Standing>) -> Self {
        Self { lake, standing }
    }
}

#[async_trait]
impl Inputs for LakeInputs {
    async fn budgets(&self) -> Result<Vec<BudgetUse>, AlertsError> {
        self.standing.budgets().await
    }

    async fn hours(&self, span: Span) -> Result<Vec<TeamHour>, AlertsError> {
        let mut hours = Vec::new();
        let mut from = span.from;
        while from < span.to {
            let to = from.plus_micros(HOURS_AT_ONCE * HOUR_US).min(span.to);
            let part = everything(Span { from, to });
            let read = self.lake.hourly_spend(&part, Dimension::Team).await;
            let read = read.map_err(|error| unread(&error))?;
            hours.extend(read.into_iter().map(|one| TeamHour {
                team: one.name,
                point: HourPoint { hour: one.hour, cost: one.cost },
            }));
            from = to;
        }
        Ok(hours)
    }

    async fn recent(&self, span: Span) -> Result<Vec<TeamAmount>, AlertsError> {
        let read = self.lake.recent_spend(&everything(span), Dimension::Team).await;
        let read = read.map_err(|error| unread(&error))?;
        Ok(read.into_iter().map(|one| TeamAmount { team: one.name, cost: one.cost }).collect())
    }

    async fn unpriced(&self, span: Span) -> Result<Vec<Unpriced>, AlertsError> {
        let read = self.lake.unpriced_models(&everything(span)).await;
        let read = read.map_err(|error| unread(&error))?;
        let models = read.into_iter().map(|one| Unpriced {
            provider: one.provider,
            model: one.model.unwrap_or_default(),
            calls: one.calls,
            tokens: one.tokens,
            first_seen: span.from,
            last_seen: span.to,
        });
        Ok(models.collect())
    }

    async fn gauges(&self) -> Result<Vec<Gauge>, AlertsError> {
        self.standing.gauges().await
    }

    async fn reported(&self, span: Span) -> Result<Vec<ModelHour>, AlertsError> {
        let read = self.lake.reported_hours(&everything(span)).await;
        let read = read.map_err(|error| unread(&error))?;
        let hours = read.into_iter().map(|one| ModelHour {
            provider: one.provider,
            model: one.model,
            point: ReportedHour {
                hour: one.hour,
                calls: one.requests,
                unpriced: one.unpriced,
                reported: one.reported,
                computed: one.computed,
            },
        });
        Ok(hours.collect())
    }

    async fn differing(
        &self,
        provider: Option<&str>,
        model: Option<&str>,
        span: Span,
    ) -> Result<Vec<String>, AlertsError> {
        let lens = everything(span);
        let found = self.lake.differing_requests(&lens, provider, model, SAMPLES_MAX).await;
        found.map_err(|error| unread(&error))
    }

    async fn breakdown(
        &self,
        team: &str,
        before: Span,
        after: Span,
    ) -> Result<Breakdown, AlertsError> {
        let (before, after) = (of_team(before, team), of_team(after, team));
        let changes = self.lake.model_changes(&before, &after).await;
        let changes = changes.map_err(|error| unread(&error))?;
        let models = changes.into_iter().map(|change| LineChange {
            name: change.model.unwrap_or_default(),
            before: used(&change.before),
            after: used(&change.after),
        });
        let mut parts = Breakdown { models: models.collect(), moved: Vec::new() };
        // Users are left out: the one user of a feature would stand for the feature.
        for by in [DriverBy::Feature, DriverBy::Model, DriverBy::Key, DriverBy::Customer] {
            parts.moved.extend(self.moved(by, &before, &after).await?);
        }
        Ok(parts)
    }

    async fn samples(
        &self,
        team: &str,
        driver: Option<(DriverBy, &str)>,
        span: Span,
    ) -> Result<Vec<String>, AlertsError> {
        let filters: Vec<Filter> = driver
            .map(|(by, name)| Filter {
                by: GroupBy::Dimension(dimension(by)),
                exclude: false,
                values: vec![Some(name.to_owned())],
            })
            .into_iter()
            .collect();
        let found = self.lake.dearest_requests(&of_team(span, team), &filters, SAMPLES_MAX).await;
        let found = found.map_err(|error| unread(&error))?;
        Ok(found.into_iter().map(|request| request.request_id).collect())
    }

    async fn newest(&self) -> Result<Option<UnixMicros>, AlertsError> {
        let freshness = self.lake.freshness().await.map_err(|error| unread(&error))?;
        Ok(freshness.received_at)
    }
}

impl LakeInputs {
    async fn moved(
        &self,
        by: DriverBy,
        before: &Lens,
        after: &Lens,
    ) -> Result<Vec<Moved>, AlertsError> {
        let mut moved: Vec<Moved> = Vec::new();
        for (lens, is_after) in [(before, false), (after, true)] {
            let ranked = self.lake.top_by(dimension(by), lens, VALUES_MAX).await;
            for one in ranked.map_err(|error| unread(&error))? {
                let position = moved.iter().position(|other| other.name == one.name);
                let position = position.unwrap_or_else(|| {
                    let (before, after) = Default::default();
                    moved.push(Moved { by, name: one.name.clone(), before, after });
                    moved.len() - 1
                });
                let amount =
                    if is_after { &mut moved[position].after } else { &mut moved[position].before };
                *amount = one.cost;
            }
        }
        Ok(moved)
    }
}

const fn dimension(by: DriverBy) -> Dimension {
    match by {
        DriverBy::Feature => Dimension::Feature,
        DriverBy::Model => Dimension::Model,
        DriverBy::Key => Dimension::Key,
        DriverBy::Customer => Dimension::Customer,
        DriverBy::User => Dimension::User,
    }
}

fn used(used: &ModelUse) -> Use {
    Use { cost: used.cost, tokens: used.input_tokens.saturating_add(used.output_tokens) }
}

const fn window(span: Span) -> Window {
    Window { from: span.from, to: span.to }
}

fn everything(span: Span) -> Lens {
    Lens::everything(window(span))
}

fn of_team(span: Span, team: &str) -> Lens {
    Lens::of_team(window(span), team)
}

fn unread(error: &LakeError) -> AlertsError {
    AlertsError::Inputs(error.to_string())
}
