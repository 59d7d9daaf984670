//! What a catalog says of one model, in our words but without a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::decimal::Decimal;
use crate::import::amount::{is_zero, product};
use crate::import::coverage::Below;
use crate::import::providers::Seller;
use crate::import::{MODELS_MAX, Skip};
use crate::key::PriceKey;

/// Longest model id that is looked up, bytes.
const ID_BYTES_MAX: usize = 256;

/// Prices in decimal dollars for the default units of their keys.
pub(super) type Rates = BTreeMap<PriceKey, String>;

/// Prices and those that replace them for longer prompts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) rates: Rates,
    /// By the longest prompt that does not get them yet.
    pub(super) tiers: BTreeMap<u64, Rates>,
}

impl Sheet {
    fn amounts(&self) -> impl Iterator<Item = &String> {
        self.rates.values().chain(self.tiers.values().flat_map(BTreeMap::values))
    }
}

/// Which requests a sheet is for; all when nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    /// A request fact and its value.
    pub(super) when: Option<(String, String)>,
    /// Start and end of the hours of the day, UTC.
    pub(super) daily: Option<(String, String)>,
}

impl Condition {
    /// Requests with a fact.
    pub(super) fn when(key: &str, value: &str) -> Self {
        Self { when: Some((key.to_owned(), value.to_owned())), daily: None }
    }
}

/// What a catalog says of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) context_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) sheets: BTreeMap<Condition, Sheet>,
    /// Factors on all token prices by the request fact they are for.
    pub(super) factors: BTreeMap<(String, String), String>,
    /// The day it ends.
    pub(super) retires: Option<String>,
    /// Names beside the id.
    pub(super) names: BTreeSet<String>,
}

/// Who sells a model under which id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) provider: String,
    /// As the catalog writes it, without the provider.
    pub(super) id: String,
}

impl Offer {
    /// Puts a price; `false` when another amount stands there already.
    pub(super) fn put(
        &mut self,
        condition: &Condition,
        above: Option<u64>,
        (key, amount): (PriceKey, String),
    ) -> bool {
        let sheet = self.sheets.entry(condition.clone()).or_default();
        let rates = match above {
            None => &mut sheet.rates,
            Some(above) => sheet.tiers.entry(above).or_default(),
        };
        let held = rates.entry(key).or_insert_with(|| amount.clone());
        // A zero beside an amount is how catalogs say that the other one is the price.
        if is_zero(held) {
            *held = amount;
            return true;
        }
        *held == amount || is_zero(&amount)
    }

    /// Gives every price of a tier one below the tier: its own elsewhere, or the one it falls back to.
    /// Returns the keys for which there is none, whose tiers are dropped.
    pub(super) fn ground_tiers(&mut self) -> Vec<PriceKey> {
        let base =
            self.sheets.get(&Condition::default()).map(|s| s.rates.clone()).unwrap_or_default();
        let mut dropped = Vec::new();
        for sheet in self.sheets.values_mut() {
            let keys: BTreeSet<PriceKey> =
                sheet.tiers.values().flat_map(BTreeMap::keys).copied().collect();
            for key in keys {
                if sheet.rates.contains_key(&key) {
                    continue;
                }
                let mut chain = std::iter::once(key).chain(fallbacks(key).iter().copied());
                let found = chain.find_map(|key| sheet.rates.get(&key).or_else(|| base.get(&key)));
                match found.cloned() {
                    Some(amount) => {
                        sheet.rates.insert(key, amount);
                    }
                    None => {
                        sheet.tiers.values_mut().for_each(|rates| drop(rates.remove(&key)));
                        dropped.push(key);
                    }
                }
            }
            sheet.tiers.retain(|_, rates| !rates.is_empty());
        }
        self.sheets.retain(|_, sheet| !sheet.rates.is_empty());
        dropped
    }

    /// The base prices of tokens times a factor; `None` when one has too many digits then.
    pub(super) fn scaled(&self, factor: Decimal) -> Option<Sheet> {
        let base = self.sheets.get(&Condition::default())?;
        let scale = |rates: &Rates| -> Option<Rates> {
            let tokens = rates.iter().filter(|(key, _)| key.is_tokens());
            tokens.map(|(key, amount)| Some((*key, product(amount, factor)?))).collect()
        };
        let tiers = base.tiers.iter().map(|(above, rates)| Some((*above, scale(rates)?)));
        Some(Sheet { rates: scale(&base.rates)?, tiers: tiers.collect::<Option<_>>()? })
    }

    fn is_free(&self) -> bool {
        self.sheets.values().flat_map(Sheet::amounts).all(|amount| is_zero(amount))
    }
}

/// The keys whose price a key without one takes, nearest first.
pub(super) fn fallbacks(key: PriceKey) -> &'static [PriceKey] {
    use PriceKey::{CacheRead, CacheWrite, Input, InputText};
    let own = |meter: &&events::Meter| PriceKey::of(**meter).first() == Some(&key);
    match events::Meter::ALL.iter().find(own) {
        Some(meter) => PriceKey::of(*meter).get(1..).unwrap_or_default(),
        None if matches!(key, CacheRead | CacheWrite) => &[InputText, Input],
        None => &[],
    }
}

/// What was read of a catalog so far.
pub(super) struct Collected<'b> {
    below: &'b Below,
    offers: BTreeMap<(String, String), Held>,
    skipped: Vec<Skip>,
    /// The sellers met, so that each is looked up once.
    sellers: HashMap<String, Result<Seller, String>>,
}

struct Held {
    place: Place,
    offer: Offer,
    rank: u8,
    /// The id it has where another offer needs its short one.
    long_id: String,
}

impl<'b> Collected<'b> {
    pub(super) fn new(below: &'b Below) -> Self {
        Self { below, offers: BTreeMap::new(), skipped: Vec::new(), sellers: HashMap::new() }
    }

    /// Notes what is not carried over.
    pub(super) fn skip(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.skipped.push(Skip { what: what.into(), why: why.into() });
    }

    /// Whom a catalog means by a name; why its models are left out otherwise.
    pub(super) fn seller(&mut self, name: &str) -> Result<Seller, String> {
        let below = self.below;
        self.sellers.entry(name.to_owned()).or_insert_with(|| Seller::of(name, below)).clone()
    }

    /// Takes an offer over, or notes why not. `free_is_known`: the catalog is the seller's own, and
    /// what it gives away costs nothing.
    pub(super) fn take(&mut self, seller: &Seller, key: &str, offer: Offer, free_is_known: bool) {
        if offer.sheets.is_empty() && offer.retires.is_none() {
            return self.skip(key, "it has no price that can be carried");
        }
        if !offer.sheets.is_empty() && offer.is_free() && !free_is_known && !key.ends_with(":free")
        {
            return self.skip(
                key,
                "every price is zero, which catalogs also write where a price is not known",
            );
        }
        let id = seller.strip(key).trim();
        if id.is_empty() || key.len() > ID_BYTES_MAX {
            return self.skip(key, format!("no model is called by more than {ID_BYTES_MAX} bytes"));
        }
        if self.offers.len() >= MODELS_MAX {
            return self.skip(key, format!("a catalog may have {MODELS_MAX} models"));
        }
        let place = Place { provider: seller.provider.clone(), id: id.to_owned() };
        let long_id = seller.prefixed(id);
        let mut held = Held { place, offer, rank: seller.rank, long_id };
        held.offer.names.extend([key.to_owned(), held.long_id.clone()]);
        self.insert(key, held);
    }

    fn insert(&mut self, key: &str, mut held: Held) {
        let slot = |held: &Held| (held.place.provider.clone(), held.place.id.to_lowercase());
        let Some(other) = self.offers.get_mut(&slot(&held)) else {
            self.offers.insert(slot(&held), held);
            return;
        };
        if other.offer.says_the_same(&held.offer) {
            other.offer.names.extend(held.offer.names);
            return;
        }
        if held.rank < other.rank {
            std::mem::swap(other, &mut held);
        }
        if held.rank == other.rank || held.long_id == held.place.id {
            return self.skip(key, "the catalog prices the same model of the same provider twice");
        }
        // The same name at a second door of the provider, at other prices: known by its long id.
        held.place.id.clone_from(&held.long_id);
        held.offer.names.clear();
        if self.offers.contains_key(&slot(&held)) {
            return self.skip(key, "the catalog prices the same model of the same provider twice");
        }
        self.offers.insert(slot(&held), held);
    }

    /// Everything read, by provider and id, each name with one model; and what was left out.
    pub(super) fn finish(self) -> (BTreeMap<Place, Offer>, Vec<Skip>) {
        let ids: BTreeSet<(String, String)> = self.offers.keys().cloned().collect();
        let mut claimed = BTreeSet::new();
        let mut offers = BTreeMap::new();
        for ((provider, id), held) in self.offers {
            let Held { place, mut offer, .. } = held;
            let names = std::mem::take(&mut offer.names);
            let names = names.into_iter().map(|name| name.to_lowercase()).filter(|name| {
                let slot = (provider.clone(), name.clone());
                *name != id && !ids.contains(&slot) && claimed.insert(slot)
            });
            offer.names = names.collect();
            offers.insert(place, offer);
        }
        (offers, self.skipped)
    }
}

impl Offer {
    /// This offer with the prices of what it says nothing of.
    pub(super) fn with_others(&self, others: &Rates) -> Self {
        let mut offer = self.clone();
        let plain = offer.sheets.iter_mut().filter(|(condition, _)| condition.when.is_none());
        for (_, sheet) in plain {
            for (key, amount) in others {
                sheet.rates.entry(*key).or_insert_with(|| amount.clone());
            }
        }
        offer
    }

    fn says_the_same(&self, other: &Offer) -> bool {
        self.sheets == other.sheets && self.factors == other.factors
    }
}
