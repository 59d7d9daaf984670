//! What a request costs: exact integers, rounded once. The only place where a price meets a quantity.

use std::fmt;

use events::{Meter, Meters};
use units::{UnixMicros, Usd};

use crate::book::PriceBook;
use crate::key::PriceKey;
use crate::model::{Context, InForce};
use crate::rate::{Rate, round_to_pico};

/// What to price.
#[derive(Debug, Clone, Copy)]
pub struct Query<'q> {
    /// Who bills: an id of the catalog or a name one of its providers is known by (`xai`, `bedrock`).
    pub provider: &'q str,
    /// The model as the provider named it.
    pub model: &'q str,
    /// Start of the request: the price in force then applies.
    pub at: UnixMicros,
    /// The tier the provider says it served (never the one that was asked for).
    pub service_tier: Option<&'q str>,
    /// What was used.
    pub meters: &'q Meters,
}

/// The name of a set of rates: those in force for a request, whatever model they are of. Two requests
/// with the same name were priced alike; 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateSet(u64);

impl fmt::Display for RateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A priced request.
#[derive(Debug, Clone, Copy)]
pub struct Priced<'a> {
    /// The sum of all lines, rounded once, half to even, to 1e-12 USD.
    pub cost: Usd,
    /// The catalog's id of the provider that bills.
    pub provider_id: &'a str,
    /// The catalog's id of the model.
    pub model_id: &'a str,
    /// The name of the rates applied.
    pub rate_set: RateSet,
    billed: Meters,
    rates: InForce<'a>,
}

/// One line of a priced request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// What was used.
    pub meter: Meter,
    /// How much of it is billed, in the meter's unit.
    pub quantity: u64,
    /// What was priced: the meter's own key, or the class whose price it takes.
    pub key: PriceKey,
    /// The price.
    pub rate: Rate,
    /// Their product in 1e-18 USD.
    pub amount_atto: i128,
}

impl PriceBook {
    /// The cost of a request, or `None` when it is unknown: no such provider or model, or no price for
    /// anything that was used. Unknown is never zero. Does not allocate, but for the scratch space of a
    /// regular expression a thread meets for the first time.
    ///
    /// A meter takes its own price or that of its nearest ancestor ([`PriceKey::of`]). A meter with
    /// neither adds nothing, as in the source of the catalog, and is told by [`Priced::unpriced`]. A
    /// model with a fee per request is charged one request for any use. The long-context tier is
    /// chosen by all input tokens, cached ones included, and holds for the whole request.
    pub fn price(&self, query: &Query<'_>) -> Option<Priced<'_>> {
        self.price_with(query, &[])
    }

    /// [`PriceBook::price`] with more of the request's context: `("processing", "batch")`,
    /// `("speed", "fast")`, `("search_type", ..)`, `("route", ..)`. What no price asks for is ignored.
    pub fn price_with(&self, query: &Query<'_>, others: &[(&str, &str)]) -> Option<Priced<'_>> {
        let found = self.find(query.provider, query.model)?;
        // A reseller sells at list price: the variants are terms of the model's own provider.
        let told = Context { service_tier: query.service_tier, others };
        let context = if found.own { told } else { Context::NONE };
        let rates = found.model.in_force(query.at, query.meters.input_tokens(), &context);

        let mut billed = Meters::NONE;
        for (meter, quantity) in query.meters.iter() {
            billed.set(meter, found.model.billed(meter, quantity));
        }
        if !billed.is_empty() && rates.of(Meter::Request).is_some() {
            billed.set(Meter::Request, billed.get(Meter::Request).max(1));
        }

        let digests = rates.entries().map(|entry| entry.digest);
        let mut priced = Priced {
            cost: Usd::ZERO,
            provider_id: &found.provider.id,
            model_id: &found.model.id,
            // A sum of hashes names the set: each key adds its own hash at most once.
            rate_set: RateSet(digests.fold(0, u64::wrapping_add)),
            billed,
            rates,
        };
        let mut lines = priced.lines().map(|line| line.amount_atto);
        let first = match lines.next() {
            None if !billed.is_empty() || rates.entries().next().is_none() => return None,
            first => first.unwrap_or(0),
        };
        let sum = lines.fold(first, i128::saturating_add);
        priced.cost = Usd::from_pico(round_to_pico(sum));
        Some(priced)
    }
}

impl Priced<'_> {
    /// What was billed and has a price, by meter. The amounts add up to the cost before its rounding.
    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.billed.iter().filter_map(|(meter, quantity)| {
            let entry = self.rates.of(meter)?;
            let amount_atto = entry.rate.amount(quantity);
            Some(Line { meter, quantity, key: entry.key, rate: entry.rate, amount_atto })
        })
    }

    /// What was used and has no price at all, by meter: worth an alarm, since it adds nothing.
    pub fn unpriced(&self) -> impl Iterator<Item = (Meter, u64)> + '_ {
        self.billed.iter().filter(|(meter, _)| self.rates.of(*meter).is_none())
    }

    /// The rates that [`Priced::rate_set`] names, used or not.
    pub fn rates(&self) -> impl Iterator<Item = (PriceKey, Rate)> + '_ {
        self.rates.entries().map(|entry| (entry.key, entry.rate))
    }
}
