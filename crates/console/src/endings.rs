//! Models in use that their providers end: when, which routes lead there, who uses them, and what the
//! named replacement would have cost. The same for the pages and the API.

use std::collections::BTreeMap;

use finops::{Alternative, Caching, Repricing, WhatIfLine, tier_starts_of};
use jiff::civil::Date;
use lake::{ModelHolder, ModelUsed};
use pricing::life::{Lifecycle, ModelLife};
use pricing::{ModelEntry, PriceBook};
use units::{UnixMicros, Usd};

use crate::ConsoleState;
use crate::access::Session;
use crate::comparison::{priced, tokenizers};
use crate::error::ConsoleError;
use crate::explore::{By, Condition, Dimension, Span};
use crate::ledger::LedgerError;
use crate::prices::TrafficAsked;
use crate::span::{Days, Preset};

/// Days of use that are looked at.
const USED: Preset = Preset::ThirtyDays;

/// A model that ends.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Provider, as the configuration calls it.
    pub(crate) provider: String,
    /// Model, as it is sent there.
    pub(crate) model: String,
    /// The first day, UTC, it is not served any more.
    pub(crate) retires_on: Date,
    /// Days until then from today, UTC; zero and below once it is over.
    pub(crate) days_left: i32,
    /// The model its provider names in its stead.
    pub(crate) replacement: Option<String>,
    /// Who says so.
    pub(crate) source: String,
    /// The routes that lead there.
    pub(crate) routes: Vec<String>,
    /// What was used of it; `None` where nothing was.
    pub(crate) used: Option<ModelUsed>,
    /// Who used it.
    pub(crate) holders: Vec<ModelHolder>,
    /// What the replacement would have cost; `None` where that is not known, or nothing was used.
    pub(crate) on_replacement: Option<WhatIfLine>,
}

/// The models that end, and the days their use is told of.
#[derive(Debug)]
pub(crate) struct Endings {
    pub(crate) days: Days,
    pub(crate) models: Vec<Ending>,
    /// What replacements would have cost took too long to work out.
    pub(crate) is_cut_short: bool,
}

impl Ending {
    pub(crate) fn cost(&self) -> Usd {
        self.used.as_ref().map_or(Usd::ZERO, |used| used.cost)
    }
}

impl Endings {
    /// The models in use or routed to that end, the first to end first. It reads sums kept ready.
    pub(crate) async fn read(
        state: &ConsoleState,
        session: &Session,
    ) -> Result<Self, ConsoleError> {
        let desk = state.prices()?;
        let (days, span) = lately(state)?;
        let used = state.read(desk.models_used(span, session.team())).await?;
        let life = Lifecycle::of_book(&desk.book())?;
        let today = today(state.now());
        let mut found: BTreeMap<(String, String), Ending> = BTreeMap::new();
        let ending = |provider: &str, model: &str| {
            let billed_as = desk.billed_as(provider);
            let life = life.of(billed_as.as_deref().unwrap_or(provider), model)?;
            Ending::of((provider, model), life, today)
        };
        for target in desk.targets() {
            let slot = (target.provider.clone(), target.model.clone());
            if !found.contains_key(&slot) {
                let Some(ending) = ending(&target.provider, &target.model) else { continue };
                found.insert(slot.clone(), ending);
            }
            if let Some(ending) = found.get_mut(&slot) {
                ending.routes.push(target.route);
            }
        }
        for used in used {
            let (Some(provider), Some(model)) = (&used.provider, &used.model) else { continue };
            let slot = (provider.clone(), model.clone());
            if !found.contains_key(&slot) {
                let Some(ending) = ending(provider, model) else { continue };
                found.insert(slot.clone(), ending);
            }
            if let Some(ending) = found.get_mut(&slot) {
                ending.used = Some(used);
            }
        }
        let mut models: Vec<Ending> = found.into_values().collect();
        for ending in &mut models {
            ending.routes.sort_unstable();
            ending.routes.dedup();
        }
        models.sort_by_key(|ending| ending.retires_on);
        Ok(Self { days, models, is_cut_short: false })
    }

    /// Adds who used the models, and what their replacements would have cost, which reads rows.
    pub(crate) async fn with_use(
        mut self,
        state: &ConsoleState,
        session: &Session,
    ) -> Result<Self, ConsoleError> {
        let is_used = |ending: &&Ending| ending.used.is_some();
        let models: Vec<String> =
            self.models.iter().filter(is_used).map(|ending| ending.model.clone()).collect();
        if models.is_empty() {
            return Ok(self);
        }
        let (_, span) = lately(state)?;
        let desk = state.prices()?;
        for holder in state.read(desk.model_holders(span, session.team(), &models)).await? {
            let is_it = |ending: &&mut Ending| {
                holder.used.provider.as_ref() == Some(&ending.provider)
                    && holder.used.model.as_ref() == Some(&ending.model)
            };
            if let Some(ending) = self.models.iter_mut().find(is_it) {
                ending.holders.push(holder);
            }
        }
        match self.price_replacements(state, session, span).await {
            Err(ConsoleError::Ledger(LedgerError::TooSlow)) => self.is_cut_short = true,
            outcome => outcome?,
        }
        Ok(self)
    }

    async fn price_replacements(
        &mut self,
        state: &ConsoleState,
        session: &Session,
        span: Span,
    ) -> Result<(), ConsoleError> {
        let desk = state.prices()?;
        let book = desk.book();
        let known: Vec<(usize, ModelEntry<'_>)> = self
            .models
            .iter()
            .enumerate()
            .filter(|(_, ending)| ending.used.is_some())
            .filter_map(|(at, ending)| Some((at, ending.next(&book, |name| desk.billed_as(name))?)))
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        let named = known.iter().filter_map(|(at, _)| self.models.get(*at));
        let values = named.map(|ending| Some(ending.model.clone())).collect();
        let by = By::Dimension(Dimension::Model);
        let sizes = tier_starts_of(known.iter().map(|(_, entry)| *entry));
        let asked = TrafficAsked {
            span,
            team: session.team().cloned(),
            conditions: vec![Condition { by, is_excluded: false, values }],
            sizes: sizes.clone(),
        };
        let groups = state.read(desk.traffic(&asked)).await?;
        let tokenizers = tokenizers()?;
        for (at, entry) in known {
            let Some(ending) = self.models.get_mut(at) else { continue };
            let is_its = |group: &&lake::WhatIfGroup| {
                group.provider.as_ref() == Some(&ending.provider)
                    && group.model.as_ref() == Some(&ending.model)
            };
            let own: Vec<lake::WhatIfGroup> = groups.iter().filter(is_its).cloned().collect();
            let alternative = Alternative {
                model: Some(entry.id().to_owned()),
                caching: Caching::AsRecorded,
                tiers: sizes.clone(),
            };
            let repricing = Repricing {
                book: &book,
                at: state.now(),
                model: Some(entry),
                tier: None,
                processing: None,
            };
            let answer = priced(&own, &alternative, &tokenizers, (&repricing, desk));
            ending.on_replacement = Some(answer.total);
        }
        Ok(())
    }
}

impl Ending {
    /// The life of a model that was told an end.
    fn of((provider, model): (&str, &str), life: &ModelLife, today: Date) -> Option<Self> {
        let retires_on = life.retires_on?;
        let left = retires_on.since(today).map_or(0, |left| left.get_days());
        Some(Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            retires_on,
            days_left: left,
            replacement: life.replacement.clone(),
            source: life.source.clone(),
            routes: Vec::new(),
            used: None,
            holders: Vec::new(),
            on_replacement: None,
        })
    }

    /// The replacement in the price book.
    fn next<'b>(
        &self,
        book: &'b PriceBook,
        billed_as: impl Fn(&str) -> Option<String>,
    ) -> Option<ModelEntry<'b>> {
        let billed_as = billed_as(&self.provider);
        book.model(billed_as.as_deref().unwrap_or(&self.provider), self.replacement.as_deref()?)
    }
}

/// The days whose use is told, as they are and as instants.
fn lately(state: &ConsoleState) -> Result<(Days, Span), ConsoleError> {
    let zone = &state.settings.zone;
    let days = USED.days(zone.date_of(state.now()));
    let beyond = || ConsoleError::Malformed("Those days are beyond the calendar.".to_owned());
    Ok((days, days.span(zone).ok_or_else(beyond)?))
}

fn today(now: UnixMicros) -> Date {
    now.to_timestamp().to_zoned(jiff::tz::TimeZone::UTC).date()
}
