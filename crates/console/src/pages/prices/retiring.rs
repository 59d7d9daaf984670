//! Models that end: when, which routes and keys use them, and what their replacements would have cost.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use finops::WhatIfLine;
use lake::ModelHolder;
use units::KeyId;

use super::parts::{self, Part, PartLink};
use crate::ConsoleState;
use crate::access::Session;
use crate::amount::{Amount, Difference, Unit};
use crate::desk::Entry;
use crate::endings::{Ending, Endings};
use crate::error::ConsoleError;
use crate::figures::{counted, signed_percent};
use crate::markup::{Count, Money};
use crate::moments::day_long;
use crate::pages::layout::{Layout, Section};
use crate::pages::rendered;
use crate::pages::terms::address;
use crate::permission::Permission;
use crate::session::SignedIn;

/// Most models shown, and most users of one.
const MODELS_MAX: usize = 50;
const HOLDERS_MAX: usize = 50;
/// Most keys whose names are looked up for one page: the others are shown by their ids.
const NAMES_MAX: usize = 100;
/// A model that ends within this many days is shown as ending soon.
const SOON_DAYS: i32 = 60;

#[derive(Template)]
#[template(path = "retiring.html")]
struct RetiringPage {
    layout: Layout,
    days: String,
    models: Vec<EndingView>,
    /// How many there are, shown or not.
    found: Count,
    has_more: bool,
    is_cut_short: bool,
    may_read_keys: bool,
}

/// A model that ends, as tables show it.
pub(super) struct EndingView {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) end: EndCell,
    pub(super) replacement: Option<String>,
    pub(super) source: String,
    pub(super) routes: Vec<String>,
    pub(super) calls: Count,
    pub(super) cost: Money,
    pub(super) instead: Option<Instead>,
    /// The question with all its figures.
    pub(super) what_if: String,
    pub(super) holders: Vec<HolderRow>,
    pub(super) has_more_holders: bool,
}

/// When it ends, and how soon that is.
pub(super) struct EndCell {
    /// As programs read it.
    pub(super) day: String,
    pub(super) shown: String,
    /// In words, with the badge's class.
    pub(super) left: String,
    pub(super) class: &'static str,
}

/// What the replacement would have cost.
pub(super) struct Instead {
    pub(super) expected: Money,
    /// `None` where the figure is exact.
    pub(super) range: Option<(Money, Money)>,
    pub(super) difference: Option<Difference>,
    pub(super) percent: Option<String>,
}

/// Somebody who uses it.
pub(super) struct HolderRow {
    pub(super) key: Option<KeyId>,
    pub(super) name: Option<String>,
    pub(super) team: Option<String>,
    pub(super) route: Option<String>,
    pub(super) calls: Count,
    pub(super) cost: Money,
}

/// Shows the models that end.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let found = Endings::read(&state, &session).await?;
    let found = Box::pin(found.with_use(&state, &session)).await?;
    let may_read_keys = session.may(Permission::ReadKeys);
    let names = match may_read_keys {
        true => key_names(&state, &session, &found.models).await,
        false => BTreeMap::new(),
    };
    let view = |ending: &Ending| {
        let holders = ending.holders.iter().take(HOLDERS_MAX);
        EndingView {
            holders: holders.map(|holder| HolderRow::of(holder, &names)).collect(),
            ..EndingView::of(ending)
        }
    };
    rendered(&RetiringPage {
        layout: Layout::new(&state, &session, Section::Prices, "Models that end".to_owned()),
        days: found.days.title(),
        models: found.models.iter().take(MODELS_MAX).map(view).collect(),
        found: super::count(found.models.len()),
        has_more: found.models.len() > MODELS_MAX,
        is_cut_short: found.is_cut_short,
        may_read_keys,
    })
}

/// Names of the keys that use them, as far as they are known and may be seen.
async fn key_names(
    state: &ConsoleState,
    session: &Session,
    models: &[Ending],
) -> BTreeMap<KeyId, String> {
    let mut names = BTreeMap::new();
    let Ok(desk) = state.desk() else { return names };
    let mut ids: Vec<KeyId> = Vec::new();
    for ending in models.iter().take(MODELS_MAX) {
        ids.extend(ending.holders.iter().take(HOLDERS_MAX).filter_map(|holder| holder.key));
    }
    ids.sort_unstable();
    ids.dedup();
    for id in ids.into_iter().take(NAMES_MAX) {
        // A key that is gone still has its id to show.
        match desk.key(session, id).await {
            Ok(Entry::Declared(key)) => drop(names.insert(id, key.name)),
            Ok(Entry::Stored(key)) => drop(names.insert(id, key.name.to_string())),
            Err(_) => {}
        }
    }
    names
}

impl EndingView {
    /// Without those who use it.
    pub(super) fn of(ending: &Ending) -> Self {
        let used = ending.used.as_ref();
        Self {
            provider: ending.provider.clone(),
            model: ending.model.clone(),
            end: EndCell::of(ending),
            replacement: ending.replacement.clone(),
            source: ending.source.clone(),
            routes: ending.routes.clone(),
            calls: Count(used.map_or(0, |used| used.calls)),
            cost: Money(ending.cost()),
            instead: ending.on_replacement.as_ref().and_then(Instead::of),
            what_if: what_if(ending),
            holders: Vec::new(),
            has_more_holders: ending.holders.len() > HOLDERS_MAX,
        }
    }
}

impl EndCell {
    fn of(ending: &Ending) -> Self {
        let days = ending.days_left;
        let (left, class) = match days {
            ..=0 => ("over".to_owned(), "over"),
            1..=SOON_DAYS => {
                (format!("{} left", counted(days.unsigned_abs().into(), "day")), "near")
            }
            _ => (format!("{} left", counted(days.unsigned_abs().into(), "day")), "plain"),
        };
        let (day, shown) = (ending.retires_on.to_string(), day_long(ending.retires_on));
        Self { day, shown, left, class }
    }
}

impl Instead {
    /// `None` where the replacement has no price for it.
    fn of(line: &WhatIfLine) -> Option<Self> {
        if line.unknown > 0 || line.requests == 0 {
            return None;
        }
        let usd = |amount: units::Usd| Amount { digits: amount.pico(), unit: Unit::Usd };
        let (would, billed) = (usd(line.would_cost.expected), usd(line.billed));
        let cost = line.would_cost;
        let is_comparable = line.unpriced == 0;
        Some(Self {
            expected: Money(cost.expected),
            range: (cost.low != cost.high).then_some((Money(cost.low), Money(cost.high))),
            difference: is_comparable.then(|| Difference(would.less(billed))),
            percent: would.change_per_mille(billed).filter(|_| is_comparable).map(signed_percent),
        })
    }
}

impl HolderRow {
    fn of(holder: &ModelHolder, names: &BTreeMap<KeyId, String>) -> Self {
        Self {
            name: holder.key.and_then(|id| names.get(&id)).cloned(),
            key: holder.key,
            team: holder.team.clone(),
            route: holder.route.clone(),
            calls: Count(holder.used.calls),
            cost: Money(holder.used.cost),
        }
    }
}

/// The same traffic on the replacement, as the page of what-if asks it.
fn what_if(ending: &Ending) -> String {
    let mut pairs = vec![
        ("range", "30d".to_owned()),
        ("f", "model".to_owned()),
        ("op", "is".to_owned()),
        ("v", ending.model.clone()),
    ];
    pairs.extend(ending.replacement.clone().map(|model| ("as", model)));
    address("/prices/what-if", &pairs)
}

impl RetiringPage {
    fn parts(&self) -> [PartLink; 4] {
        parts::links(Part::Retiring)
    }
}
