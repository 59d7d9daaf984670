//! The rows of the page of prices: layers, models, calls without a price.

use std::collections::BTreeSet;

use pricing::life::Lifecycle;
use pricing::{ModelEntry, PriceContext, PriceKey, RateInForce, Source};
use units::UnixMicros;

use crate::markup::{Count, Stamp};
use crate::moments::{Moments, day_long};
use crate::prices::{RecordedLayer, UnpricedUse};
use crate::rates::{MILLION, per_million, rate_words};

/// A layer of the book.
pub(super) struct LayerRow {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) version: String,
    /// `None` where it was never recorded.
    pub(super) recorded: Option<Stamp>,
}

/// A model and its prices now.
pub(super) struct ModelRow {
    pub(super) provider: String,
    pub(super) model: String,
    /// Input, read from a cache, written to one, output.
    pub(super) rates: [Option<Cell>; 4],
    /// Every other price.
    pub(super) others: Vec<(&'static str, Cell)>,
    /// Layers the prices come from: kind and name.
    pub(super) sources: BTreeSet<(&'static str, String)>,
    pub(super) retires: Option<Retirement>,
}

/// One price.
pub(super) struct Cell {
    pub(super) shown: String,
    /// The rate and its factor, where there is one.
    pub(super) made_of: Option<String>,
}

/// The end of a model.
pub(super) struct Retirement {
    /// As programs read it.
    pub(super) day: String,
    pub(super) shown: String,
    pub(super) is_over: bool,
    pub(super) replacement: Option<String>,
}

/// A model with calls that have no price.
pub(super) struct UnpricedRow {
    pub(super) provider: Option<String>,
    pub(super) billed_as: Option<String>,
    pub(super) model: Option<String>,
    pub(super) requests: Count,
    pub(super) tokens: Count,
    /// The first and the last day, as programs read it and as people do.
    pub(super) first: (String, String),
    pub(super) last: (String, String),
}

impl LayerRow {
    pub(super) fn of(source: &Source, recorded: &[RecordedLayer], moments: &Moments) -> Self {
        let is_it = |layer: &&RecordedLayer| layer.kind == source.kind && layer.name == source.name;
        Self {
            kind: source.kind.as_str(),
            name: source.name.clone(),
            version: source.version.clone(),
            recorded: recorded.iter().find(is_it).map(|layer| moments.stamp(layer.recorded_at)),
        }
    }
}

impl ModelRow {
    pub(super) fn of(model: &ModelEntry<'_>, life: &Lifecycle, now: UnixMicros) -> Self {
        use PriceKey::{CacheRead, CacheWrite, Input, Output};
        const SHOWN: [PriceKey; 4] = [Input, CacheRead, CacheWrite, Output];
        let found = model.rates_at(now, &PriceContext::NONE, 0);
        let of = |key| found.iter().find(|rate| rate.key == key).map(Cell::of);
        let others = found.iter().filter(|rate| !SHOWN.contains(&rate.key));
        let source = |rate: &RateInForce| (rate.source.kind.as_str(), rate.source.name.clone());
        Self {
            provider: model.provider_id().to_owned(),
            model: model.id().to_owned(),
            rates: SHOWN.map(of),
            others: others.map(|rate| (rate.key.as_str(), Cell::of(rate))).collect(),
            sources: found.iter().map(source).collect(),
            retires: Retirement::of(model, life, now),
        }
    }
}

impl Cell {
    fn of(rate: &RateInForce) -> Self {
        let billed = rate.rate.times(rate.factor);
        let is_of_tokens = i128::from(rate.key.default_per().get()) == MILLION;
        let shown = per_million(billed).filter(|_| is_of_tokens);
        let made_of = || format!("{} × {}", rate_words(rate.rate), rate.factor);
        Self {
            shown: shown.unwrap_or_else(|| rate_words(billed)),
            made_of: (!rate.factor.is_one()).then(made_of),
        }
    }
}

impl Retirement {
    fn of(model: &ModelEntry<'_>, life: &Lifecycle, now: UnixMicros) -> Option<Self> {
        let life = life.of(model.provider_id(), model.id())?;
        let day = life.retires_on?;
        let today = now.to_timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
        Some(Self {
            day: day.to_string(),
            shown: day_long(day),
            is_over: day <= today,
            replacement: life.replacement.clone(),
        })
    }
}

impl UnpricedRow {
    pub(super) fn of(used: &UnpricedUse) -> Self {
        let day = |day: jiff::civil::Date| (day.to_string(), day_long(day));
        Self {
            provider: used.provider.clone(),
            billed_as: used.billed_as.clone(),
            model: used.model.clone(),
            requests: Count(used.requests),
            tokens: Count(used.tokens),
            first: day(used.first_day),
            last: day(used.last_day),
        }
    }
}
