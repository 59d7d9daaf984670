//! The history of one source's prices: what was imported before stays, what is new is added.

use std::collections::{BTreeMap, BTreeSet};

use units::UnixMicros;

use crate::import::coverage::Below;
use crate::import::offer::{Condition, Offer, Place, Rates, Sheet};
use crate::import::written::{
    ClauseText, LayerText, ModelText, MultiplierText, ProviderText, SheetText,
};
use crate::import::{ImportError, Skip};

/// Most factors of one provider that imports may hold, those no longer in force included.
const FACTORS_MAX: usize = 64;

/// What earlier imports of a source said, and when the next one was observed.
pub(super) struct History {
    /// By provider and the id in lower case.
    models: BTreeMap<(String, String), ModelText>,
    multipliers: Vec<MultiplierText>,
    now: String,
}

/// A history with one more import.
pub(super) struct Merged {
    pub(super) layer: LayerText,
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) unchanged: usize,
    pub(super) skipped: Vec<Skip>,
}

/// What an import did to a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Changed,
    None,
}

impl History {
    pub(super) fn new(layer: LayerText, observed_at: UnixMicros) -> Self {
        let now = observed_at.to_string();
        let mut models = BTreeMap::new();
        for provider in layer.providers {
            for model in provider.models {
                models.insert((provider.id.clone(), model.id.to_lowercase()), model);
            }
        }
        Self { models, multipliers: layer.multipliers, now }
    }

    /// The history after an import.
    pub(super) fn merge(
        mut self,
        offers: BTreeMap<Place, Offer>,
        below: &Below,
    ) -> Result<Merged, ImportError> {
        let (mut added, mut changed, mut skipped) = (0, 0, Vec::new());
        let seen = offers.len();
        let mut factors: Factors = BTreeMap::new();
        for (place, offer) in offers {
            for ((key, value), factor) in &offer.factors {
                if !below.multiplies(&place, (key, value), factor) {
                    let id = below.billed_id(&place).unwrap_or_else(|| place.id.clone());
                    let group = (place.provider.clone(), key.clone(), value.clone());
                    let by_factor = factors.entry(group).or_default();
                    by_factor.entry(factor.clone()).or_default().insert(id.to_lowercase());
                }
            }
            let slot = (place.provider.clone(), place.id.to_lowercase());
            let old = self.models.get(&slot);
            let Some(model) = self.model(&place, &offer, old, below)? else { continue };
            match change(old, &model) {
                Change::Added => added += 1,
                Change::Changed => changed += 1,
                Change::None => continue,
            }
            self.models.insert(slot, model);
        }
        self.factors(factors, &mut skipped)?;
        Ok(Merged {
            layer: self.layer(),
            added,
            changed,
            unchanged: seen - added - changed,
            skipped,
        })
    }

    /// A model with what is known of it now; `None` when the shipped catalog says all of it.
    fn model(
        &self,
        place: &Place,
        offer: &Offer,
        old: Option<&ModelText>,
        below: &Below,
    ) -> Result<Option<ModelText>, ImportError> {
        let has_id = below.has_id(place);
        // A model without a price of its own that answered to a name would hide the one that has.
        let is_told = offer.sheets.is_empty() || below.says(place, offer);
        let names = std::iter::once(&place.id).chain(&offer.names).cloned();
        let named = ModelText {
            id: old.map_or_else(|| place.id.clone(), |old| old.id.clone()),
            clause: (!has_id).then(|| ClauseText::any(names)),
            ..ModelText::default()
        };
        if old.is_none_or(|old| old.prices.is_empty() && old.variants.is_empty()) && is_told {
            let is_news = offer.retires.is_some() && (has_id || below.is_own(place));
            return Ok(is_news.then(|| ModelText { retires: offer.retires.clone(), ..named }));
        }
        let mut model = ModelText {
            context_tokens: offer.context_tokens,
            output_tokens: offer.output_tokens,
            retires: offer.retires.clone(),
            prices: old.map(|old| old.prices.clone()).unwrap_or_default(),
            variants: old.map(|old| old.variants.clone()).unwrap_or_default(),
            // A catalog that lists no price for some kind of request does not deny that there is one.
            keep_variants: true,
            ..named
        };
        // Under an id of its own a model has no layer below: what the name cost so far besides tokens goes
        // along with it.
        let others = if has_id { Rates::new() } else { below.besides_tokens(place) };
        let offer = offer.with_others(&others);
        let (base, variants): (Vec<_>, Vec<_>) =
            offer.sheets.iter().partition(|(condition, _)| condition.when.is_none());
        // Of the prices the last in force wins: those of an hour of the day must stay behind the plain
        // ones, so that all of them are opened anew when one changes.
        self.extend(&mut model.prices, &base, true)?;
        self.extend(&mut model.variants, &variants, false)?;
        Ok(Some(model))
    }

    /// Ends what no longer holds and opens what is new.
    fn extend(
        &self,
        sheets: &mut Vec<SheetText>,
        wanted: &[(&Condition, &Sheet)],
        together: bool,
    ) -> Result<(), ImportError> {
        let open: Vec<usize> = (0..sheets.len())
            .filter(|at| sheets.get(*at).is_some_and(|s| s.to.is_none()))
            .collect();
        let holds = |sheet: &SheetText| wanted.iter().any(|(c, s)| sheet.says(c, s));
        let is_held = |sheets: &[SheetText], (c, s): &(&Condition, &Sheet)| {
            open.iter().filter_map(|at| sheets.get(*at)).any(|sheet| sheet.says(c, s))
        };
        let same = open.len() == wanted.len() && wanted.iter().all(|want| is_held(sheets, want));
        if same {
            return Ok(());
        }
        let fresh: Vec<SheetText> = wanted
            .iter()
            .filter(|want| together || !is_held(sheets, want))
            .map(|(condition, sheet)| SheetText::new(condition, sheet, &self.now))
            .collect();
        for at in open {
            if let Some(sheet) = sheets.get_mut(at)
                && (together || !holds(sheet))
            {
                self.after(&sheet.from)?;
                sheet.to = Some(self.now.clone());
            }
        }
        sheets.extend(fresh);
        Ok(())
    }

    /// Ends and opens factors, those of one request fact and provider by the models they are for.
    fn factors(&mut self, wanted: Factors, skipped: &mut Vec<Skip>) -> Result<(), ImportError> {
        let now = self.now.clone();
        let mut fresh = Vec::new();
        for ((provider, key, value), by_factor) in &wanted {
            for (factor, ids) in by_factor {
                fresh.push(MultiplierText {
                    provider: provider.clone(),
                    models: ClauseText::any(ids.iter().cloned()),
                    keys: vec!["tokens".to_owned()],
                    when: BTreeMap::from([(key.clone(), value.clone())]),
                    factor: factor.clone(),
                    from: now.clone(),
                    to: None,
                });
            }
        }
        let same = |a: &MultiplierText, b: &MultiplierText| {
            MultiplierText { from: a.from.clone(), to: a.to.clone(), ..b.clone() } == *a
        };
        let mut ended = Vec::new();
        for (position, held) in self.multipliers.iter().enumerate().filter(|(_, m)| m.to.is_none())
        {
            let kept = fresh.len();
            fresh.retain(|new| !same(held, new));
            if fresh.len() == kept {
                self.after(&held.from)?;
                ended.push(position);
            }
        }
        let full: BTreeSet<String> = fresh
            .iter()
            .map(|new| new.provider.clone())
            .filter(|id| {
                let of = |m: &&MultiplierText| m.provider == *id;
                self.multipliers.iter().filter(of).count() + fresh.iter().filter(of).count()
                    > FACTORS_MAX
            })
            .collect();
        for provider in &full {
            skipped.push(Skip {
                what: format!("{provider}: regional factors"),
                why: format!(
                    "imports hold {FACTORS_MAX} factors of a provider: the earlier ones stay"
                ),
            });
        }
        for position in ended {
            if let Some(held) = self.multipliers.get_mut(position)
                && !full.contains(&held.provider)
            {
                held.to = Some(now.clone());
            }
        }
        fresh.retain(|new| !full.contains(&new.provider));
        self.multipliers.extend(fresh);
        Ok(())
    }

    /// Refuses to end at this import what began later, or with it.
    fn after(&self, from: &str) -> Result<(), ImportError> {
        let instant = |text: &str| text.parse::<jiff::Timestamp>().ok();
        match (instant(from), instant(&self.now)) {
            (Some(from), Some(now)) if from < now => Ok(()),
            _ => Err(self.out_of_order(from)),
        }
    }

    fn out_of_order(&self, last: &str) -> ImportError {
        ImportError::OutOfOrder { observed: self.now.clone(), last: last.to_owned() }
    }

    fn layer(self) -> LayerText {
        let mut providers: Vec<ProviderText> = Vec::new();
        let ids: BTreeSet<(String, String)> = self.models.keys().cloned().collect();
        let mut claimed = BTreeSet::new();
        for ((provider, id), mut model) in self.models {
            // A model that left the catalog keeps its prices, but not a name that another took over.
            if let Some(clause) = &mut model.clause {
                clause.retain(|name| {
                    let slot = (provider.clone(), name.to_lowercase());
                    slot.1 == id || (!ids.contains(&slot) && claimed.insert(slot))
                });
            }
            match providers.last_mut().filter(|last| last.id == provider) {
                Some(last) => last.models.push(model),
                None => providers.push(ProviderText { id: provider, models: vec![model] }),
            }
        }
        LayerText::new(providers, self.multipliers)
    }
}

/// Models by factor, by provider and request fact.
type Factors = BTreeMap<(String, String, String), BTreeMap<String, BTreeSet<String>>>;

fn change(old: Option<&ModelText>, new: &ModelText) -> Change {
    match old {
        None => Change::Added,
        // Its names alone are no news.
        Some(old) if ModelText { clause: new.clause.clone(), ..old.clone() } == *new => {
            Change::None
        }
        Some(_) => Change::Changed,
    }
}
