//! Single requests over the usage table, their costs taken apart by the price books they name.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lake::{Lake, RequestKind, RequestsQuery};
use pricing::PriceBook;
use units::{RequestId, Slug};

use super::explore::{failed, filters, lens};
use crate::ledger::LedgerError;
use crate::prices::RouteTarget;
use crate::requests::{
    Attempt, Kind, Marks, Payer, RequestLog, RequestRow, RequestsPage, RequestsQuestion,
};

/// The prices in force: they may change while the console runs.
#[async_trait]
pub trait Prices: Send + Sync + fmt::Debug {
    /// The book.
    fn book(&self) -> Arc<PriceBook>;

    /// Who bills for a provider of the configuration, as the book knows it; `None` where it is the
    /// provider itself, or the provider is gone.
    fn billed_as(&self, provider: &str) -> Option<String>;

    /// Where the routes in force lead.
    fn targets(&self) -> Vec<RouteTarget>;

    /// The book that rows know by a version, as it was; `None`, the default, where it is not kept.
    async fn book_of(&self, _version: &str) -> Option<Arc<PriceBook>> {
        None
    }
}

/// Requests of the usage table.
#[derive(Debug, Clone)]
pub struct LakeRequests {
    lake: Lake,
    prices: Arc<dyn Prices>,
}

impl LakeRequests {
    /// The requests of a table, priced by these.
    pub fn new(lake: Lake, prices: Arc<dyn Prices>) -> Self {
        Self { lake, prices }
    }
}

#[async_trait]
impl RequestLog for LakeRequests {
    async fn page(&self, question: &RequestsQuestion) -> Result<RequestsPage, LedgerError> {
        let query = RequestsQuery {
            lens: lens(question.span, question.team.as_ref().map(|team| team.as_str())),
            filters: filters(&question.conditions),
            kind: kind(question.kind),
            cursor: question.cursor.clone(),
            limit: question.limit,
        };
        let page = Box::pin(self.lake.requests(&query)).await.map_err(failed)?;
        Ok(RequestsPage { rows: page.rows.into_iter().map(row).collect(), next: page.next_cursor })
    }

    async fn attempts(&self, id: &str, team: Option<&Slug>) -> Result<Vec<Attempt>, LedgerError> {
        let Ok(id) = id.parse::<RequestId>() else { return Ok(Vec::new()) };
        let found = Box::pin(self.lake.request(id, None)).await.map_err(failed)?;
        let is_theirs = team.is_none_or(|team| {
            let of_team = |event: &events::UsageEvent| {
                event.attribution.team.as_deref() == Some(team.as_str())
            };
            found.iter().all(|attempt| of_team(&attempt.event))
        });
        if !is_theirs {
            return Ok(Vec::new());
        }
        let mut attempts = Vec::with_capacity(found.len());
        for recorded in found {
            attempts.push(self.attempt(recorded.event).await);
        }
        Ok(attempts)
    }
}

impl LakeRequests {
    /// An attempt with its cost taken apart by the book it names; where that is not kept, by the book in
    /// force, which gives lines only if its rates are the very same.
    async fn attempt(&self, event: events::UsageEvent) -> Attempt {
        let in_force = self.prices.book();
        let book = match event.cost.price_version.as_deref() {
            Some(version) if version != in_force.version() => self.prices.book_of(version).await,
            _ => None,
        };
        let provider = event.model.provider.as_deref();
        let billed_as = provider.and_then(|provider| self.prices.billed_as(provider));
        let receipt = book.unwrap_or(in_force).receipt(&event, billed_as.as_deref());
        Attempt { event, receipt }
    }
}

fn kind(kind: Kind) -> RequestKind {
    let any = RequestKind::default();
    match kind {
        Kind::Any => any,
        Kind::Answered => RequestKind { has_failed: Some(false), ..any },
        Kind::Failed => RequestKind { has_failed: Some(true), ..any },
        Kind::Cached => RequestKind { is_cached: true, ..any },
        Kind::Unpriced => RequestKind { is_unpriced: true, ..any },
        Kind::Estimated => RequestKind { is_estimated: true, ..any },
    }
}

fn row(row: lake::RequestRow) -> RequestRow {
    RequestRow {
        id: row.request_id,
        received_at: row.received_at,
        payer: Payer {
            team: row.payer.team,
            key: row.payer.key_id,
            user: row.payer.user,
            customer: row.payer.customer,
            feature: row.payer.feature,
        },
        provider: row.provider,
        model: row.model,
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        error: row.error_class,
        tokens: (row.used.input_tokens, row.used.output_tokens),
        cost: row.used.cost,
        duration_us: row.duration_us,
        marks: Marks {
            is_estimated: row.used.is_estimated,
            is_cached: row.used.is_cached,
            is_unpriced: row.used.cost.is_none(),
            attempts: row.used.attempts,
        },
    }
}
