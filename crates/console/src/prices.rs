//! The price book in force, what it lacks, and the traffic it is held against, as the pages need them.
//!
//! It must never know where any of it is kept.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use lake::{ModelHolder, ModelUsed, ReportedCost, WhatIfGroup};
use pricing::{LayerKind, PriceBook};
use units::{Slug, UnixMicros};

use crate::explore::{Condition, Span};
use crate::ledger::LedgerError;

/// The prices in force. A `team` restricts an answer to what that team used; `None` is everything.
#[async_trait]
pub trait PriceDesk: Send + Sync {
    /// The book, as it is now.
    fn book(&self) -> Arc<PriceBook>;

    /// Who bills for a provider of the configuration, as the book knows it; `None` where it is the
    /// provider itself, or the provider is gone.
    fn billed_as(&self, provider: &str) -> Option<String>;

    /// Where the routes in force lead.
    fn targets(&self) -> Vec<RouteTarget>;

    /// When the layers of a book were first recorded; those never recorded are left out.
    async fn recorded(&self, version: &str) -> Result<Vec<RecordedLayer>, LedgerError>;

    /// Models with calls that still have no price, most called first, of the days of UTC a span touches.
    async fn unpriced(
        &self,
        span: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<UnpricedUse>, LedgerError>;

    /// Use and cost of every model in a span, the dearest first.
    async fn models_used(
        &self,
        span: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<ModelUsed>, LedgerError>;

    /// By which routes and keys some models were used in a span, the dearest first; at most
    /// [`HOLDERS_MAX`].
    async fn model_holders(
        &self,
        span: Span,
        team: Option<&Slug>,
        models: &[String],
    ) -> Result<Vec<ModelHolder>, LedgerError>;

    /// Traffic in groups that are priced alike.
    async fn traffic(&self, asked: &TrafficAsked) -> Result<Vec<WhatIfGroup>, LedgerError>;

    /// What providers reported that calls cost beside what was computed, by day of UTC and model.
    async fn reported_costs(
        &self,
        span: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<ReportedCost>, LedgerError>;
}

/// Most routes and keys told at once of models.
pub const HOLDERS_MAX: u32 = 1_000;

/// Whose traffic, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficAsked {
    /// When.
    pub span: Span,
    /// The only team whose usage counts; `None` is everybody's.
    pub team: Option<Slug>,
    /// What all usage must meet.
    pub conditions: Vec<Condition>,
    /// Input tokens from which a prompt is of the next size, ascending, four at most.
    pub sizes: Vec<u64>,
}

/// A place a route leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTarget {
    /// The route.
    pub route: String,
    /// Provider, as the configuration calls it.
    pub provider: String,
    /// Model, as the provider calls it.
    pub model: String,
}

/// A layer, and since when it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLayer {
    /// Whose word it is.
    pub kind: LayerKind,
    /// Its name.
    pub name: String,
    /// When it was first recorded.
    pub recorded_at: UnixMicros,
}

/// A model whose calls have no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedUse {
    /// Provider, as the configuration calls it.
    pub provider: Option<String>,
    /// Who bills for it, where the price book calls it something else.
    pub billed_as: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// Attempts whose cost is unknown.
    pub requests: u64,
    /// Input and output tokens of the model on the days there are such attempts, by the teams that made
    /// them; priced ones of those days included.
    pub tokens: u64,
    /// The first of these days, UTC.
    pub first_day: Date,
    /// The last of them.
    pub last_day: Date,
}
