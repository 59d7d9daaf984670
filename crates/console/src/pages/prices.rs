//! Prices: the book in force, what models cost by it, and which calls it has no price for.

pub(crate) mod drift;
mod parts;
pub(crate) mod retiring;
mod row;
pub(crate) mod what_if;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use pricing::life::Lifecycle;
use pricing::{ModelEntry, PriceBook};
use serde::Deserialize;
use units::UnixMicros;

use super::layout::{Layout, Section};
use super::{Asked, rendered};
use crate::ConsoleState;
use crate::access::Session;
use crate::endings::Endings;
use crate::error::ConsoleError;
use crate::explore::Span;
use crate::markup::Count;
use crate::permission::Permission;
use crate::prices::RecordedLayer;
use crate::session::SignedIn;
use parts::{Part, PartLink};
use retiring::EndingView;
use row::{LayerRow, ModelRow, UnpricedRow};

/// Most rows of a table.
const ROWS_MAX: usize = 200;
/// Days of UTC, today included, whose calls without a price are looked for: sums by day are read for it.
pub(crate) const QUEUE_DAYS: i64 = 400;

/// Models that end in the summary; their own page has all.
const ENDINGS_MAX: usize = 8;

/// What may be asked of the page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PricesQuery {
    /// Of this provider only.
    #[serde(default)]
    provider: String,
    /// Only models with this in their id.
    #[serde(default)]
    model: String,
}

#[derive(Template)]
#[template(path = "prices.html")]
struct PricesPage {
    layout: Layout,
    version: String,
    layers: Vec<LayerRow>,
    filter: Filter,
    models: Vec<ModelRow>,
    /// How many models are like what was asked, shown or not.
    models_found: Count,
    has_more_models: bool,
    /// `None` when the ledger could not be read.
    queue: Option<Queue>,
    queue_days: i64,
    /// Models in use that end; empty also when the ledger could not be read.
    endings: Vec<EndingView>,
    rows_max: usize,
}

/// What the list was restricted to.
struct Filter {
    provider: String,
    providers: Vec<String>,
    model: String,
    is_any: bool,
}

/// Calls without a price.
struct Queue {
    rows: Vec<UnpricedRow>,
    /// How many models there are, shown or not.
    found: Count,
    has_more: bool,
}

/// Shows the prices.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<PricesQuery>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let prices = state.prices()?;
    let book = prices.book();
    let found = find(&book, &query.provider, &query.model).unwrap_or_default();
    let (life, now) = (Lifecycle::of_book(&book)?, state.now());
    let shown = found.iter().take(ROWS_MAX);
    let queue = Queue::read(&state, &session).await?;
    let endings = endings(&state, &session).await?;
    rendered(&PricesPage {
        layout: Layout::new(&state, &session, Section::Prices, "Prices".to_owned()),
        version: book.version().to_owned(),
        layers: layers(&state, &book).await,
        filter: Filter::of(&query, &book),
        models: shown.map(|model| ModelRow::of(model, &life, now)).collect(),
        models_found: count(found.len()),
        has_more_models: found.len() > ROWS_MAX,
        queue,
        queue_days: QUEUE_DAYS,
        endings,
        rows_max: ROWS_MAX,
    })
}

/// The models of a provider, of all where none is named, with a text in their id; `None` when no
/// provider is known by the name.
pub(crate) fn find<'b>(
    book: &'b PriceBook,
    provider: &str,
    model: &str,
) -> Option<Vec<ModelEntry<'b>>> {
    let (provider, model) = (provider.trim().to_lowercase(), model.trim().to_lowercase());
    let provider = match provider.is_empty() {
        true => None,
        false => Some(book.provider_named(&provider)?),
    };
    let wanted = |entry: &ModelEntry<'_>| {
        provider.is_none_or(|id| id == entry.provider_id())
            && entry.id().to_lowercase().contains(&model)
    };
    Some(book.models().filter(wanted).collect())
}

/// The layers of the book, the highest first, with when they were recorded where that can be read.
async fn layers(state: &ConsoleState, book: &PriceBook) -> Vec<LayerRow> {
    let recorded = match state.prices() {
        Ok(prices) => state.read(prices.recorded(book.version())).await,
        Err(error) => Err(error),
    };
    let recorded: Vec<RecordedLayer> = recorded.unwrap_or_else(|error| {
        // The prices themselves are at hand and worth showing without it.
        tracing::warn!(%error, "when price layers were recorded was not read");
        Vec::new()
    });
    let moments = state.moments();
    let row = |source: &std::sync::Arc<pricing::Source>| LayerRow::of(source, &recorded, &moments);
    book.sources().iter().rev().map(row).collect()
}

/// Models in use that end, the first to end first, as many as a summary shows.
async fn endings(state: &ConsoleState, session: &Session) -> Result<Vec<EndingView>, ConsoleError> {
    match Endings::read(state, session).await {
        Ok(found) => Ok(found.models.iter().take(ENDINGS_MAX).map(EndingView::of).collect()),
        Err(ConsoleError::Ledger(error)) => {
            tracing::warn!(%error, "models that end not read");
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// The days whose calls without a price are looked for.
pub(crate) fn queue_span(now: UnixMicros) -> Span {
    const DAY_US: i64 = 86_400_000_000;
    let midnight = now.get().div_euclid(DAY_US).saturating_add(1).saturating_mul(DAY_US);
    // A gateway's clock may run ahead of ours: a day more than today is looked at.
    let to = UnixMicros::new(midnight.saturating_add(DAY_US));
    Span { from: UnixMicros::new(midnight.saturating_sub(QUEUE_DAYS.saturating_mul(DAY_US))), to }
}

impl PricesPage {
    fn parts(&self) -> [PartLink; 4] {
        parts::links(Part::Book)
    }
}

impl Filter {
    fn of(query: &PricesQuery, book: &PriceBook) -> Self {
        let asked = query.provider.trim();
        let known = book.provider_named(&asked.to_lowercase());
        let mut providers: Vec<String> = book.provider_ids().map(str::to_owned).collect();
        providers.sort_unstable();
        let model = query.model.trim().to_owned();
        Self {
            is_any: !asked.is_empty() || !model.is_empty(),
            provider: known.unwrap_or(asked).to_owned(),
            providers,
            model,
        }
    }
}

impl Queue {
    async fn read(state: &ConsoleState, session: &Session) -> Result<Option<Self>, ConsoleError> {
        let found = match state
            .read(state.prices()?.unpriced(queue_span(state.now()), session.team()))
            .await
        {
            Ok(found) => found,
            // Prices do not come from the ledger and are worth showing without it.
            Err(ConsoleError::Ledger(error)) => {
                tracing::warn!(%error, "calls without a price not read");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(Self {
            found: count(found.len()),
            has_more: found.len() > ROWS_MAX,
            rows: found.iter().take(ROWS_MAX).map(UnpricedRow::of).collect(),
        }))
    }
}

fn count(length: usize) -> Count {
    Count(u64::try_from(length).unwrap_or(u64::MAX))
}
