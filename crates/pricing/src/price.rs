//! What a request costs: exact integers, rounded once. The only place where a price meets a quantity.

use std::fmt;
use std::sync::Arc;

use events::{Meter, Meters};
use units::{UnixMicros, Usd};

use crate::book::{ModelLimits, PriceBook};
use crate::context::PriceContext;
use crate::factor::Factor;
use crate::key::PriceKey;
use crate::layer::{LayerKind, Source};
use crate::lookup::Found;
use crate::model::{Entry, InForce};
use crate::multiplier::{Active, AppliedFactor, Multipliers};
use crate::rate::{Rate, Ready, round_to_pico};

/// What to price.
#[derive(Debug, Clone, Copy)]
pub struct Query<'q> {
    /// Who bills: an id of the catalog or a name one of its providers is known by (`xai`, `bedrock`).
    pub provider: &'q str,
    /// The model as the provider named it.
    pub model: &'q str,
    /// Start of the request: the price in force then applies.
    pub at: UnixMicros,
    /// What else selects its price.
    pub context: PriceContext<'q>,
    /// What was used.
    pub meters: &'q Meters,
}

/// The name of a set of rates: those in force for a request, factors included, whatever model they are
/// of. Two requests with the same name were priced alike; 16 hexadecimal digits.
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
    /// What is billed: the sum of all lines at contract prices, rounded once, half to even, to 1e-12 USD.
    pub cost: Usd,
    /// The same at list prices, without any contract; the cost itself where only a contract has a price.
    pub list: Usd,
    /// The book's id of the provider that bills.
    pub provider_id: &'a str,
    /// The book's id of the model.
    pub model_id: &'a str,
    /// The name of the rates billed.
    pub rate_set: RateSet,
    terms: Terms<'a>,
    billed: Meters,
}

/// What a line is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measured {
    /// A meter of the usage.
    Meter(Meter),
    /// The time the request kept the machine, microseconds.
    Duration,
}

impl Measured {
    /// The name of the meter, or `duration_us`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Measured::Meter(meter) => meter.as_str(),
            Measured::Duration => "duration_us",
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One line of a priced request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was used.
    pub meter: Measured,
    /// How much of it is billed, in the meter's unit.
    pub quantity: u64,
    /// What was priced: the meter's own key, or the class whose price it takes.
    pub key: PriceKey,
    /// The price as its source gives it.
    pub rate: Rate,
    /// What the price is multiplied by; [`Priced::factors`] says who says so.
    pub factor: Factor,
    /// The product of quantity, rate and factor in 1e-18 USD.
    pub amount_atto: i128,
    /// The layer the rate comes from. Shared with the book: a line is made without allocating.
    pub source: Arc<Source>,
}

/// One price in force for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateInForce {
    /// What it is of.
    pub key: PriceKey,
    /// The price as its source gives it.
    pub rate: Rate,
    /// What it is multiplied by.
    pub factor: Factor,
    /// The layer it comes from.
    pub source: Arc<Source>,
}

impl PriceBook {
    /// The cost of a request, or `None` when it is unknown: no such provider or model, or no price for
    /// anything that was used. Unknown is never zero. Does not allocate, but for the scratch space of a
    /// regular expression a thread meets for the first time.
    ///
    /// A meter takes its own price or that of its nearest ancestor ([`PriceKey::of`]). A meter with
    /// neither adds nothing, as in the source of the catalog, and is told by [`Priced::unpriced`]. A
    /// model with a fee per request is charged one request for any use. The long-context tier is
    /// chosen by all input tokens, cached ones included, and holds for the whole request. A model priced
    /// by the hour of a GPU is unknown without the duration of the request.
    pub fn price(&self, query: &Query<'_>) -> Option<Priced<'_>> {
        self.tariff(query.provider, query.model, query.at)?.price(query.context, query.meters)
    }

    /// The prices of a model for requests that start at an instant, to price several; `None` when
    /// there is no such provider or model. The arguments are those of a [`Query`].
    pub fn tariff(&self, provider: &str, model: &str, at: UnixMicros) -> Option<Tariff<'_>> {
        Some(Tariff { found: self.find(provider, model, at)?, at })
    }
}

/// The prices of a model that was found in a book.
#[derive(Debug, Clone, Copy)]
pub struct Tariff<'a> {
    found: Found<'a>,
    at: UnixMicros,
}

impl<'a> Tariff<'a> {
    /// The sizes the model accepts.
    pub fn limits(&self) -> ModelLimits {
        self.found.model.limits
    }

    /// The cost of a request, as [`PriceBook::price`] says.
    pub fn price(&self, context: PriceContext<'_>, meters: &Meters) -> Option<Priced<'a>> {
        let Self { found, at } = self;
        let prompt = meters.input_tokens();
        let terms = Terms::new(found, (*at, context), prompt, LayerKind::Contract);
        let billed = terms.billed(meters);
        let cost = terms.sum(&billed)?;
        let list = if found.model.has_contract() || terms.has_contract_factor() {
            let list = Terms::new(found, (*at, context), prompt, LayerKind::Operator);
            list.sum(&list.billed(meters)).unwrap_or(cost)
        } else {
            cost
        };
        Some(Priced {
            cost: Usd::from_pico(round_to_pico(cost)),
            list: Usd::from_pico(round_to_pico(list)),
            provider_id: &found.provider.id,
            model_id: &found.model.id,
            rate_set: terms.rate_set(),
            terms,
            billed,
        })
    }
}

/// The prices of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) rates: InForce<'a>,
    multipliers: &'a Multipliers,
    active: Active,
    duration_us: Option<u64>,
}

impl<'a> Terms<'a> {
    /// The prices of prompts of so many tokens by the layers up to a kind. What was used does not matter.
    pub(crate) fn new(
        found: &Found<'a>,
        (at, asked): (UnixMicros, PriceContext<'_>),
        prompt: u64,
        up_to: LayerKind,
    ) -> Self {
        // A reseller sells at list price: the variants are terms of the model's own provider.
        let context = if found.owner.is_none() { asked } else { PriceContext::NONE };
        let multipliers = &found.provider.multipliers;
        let mut active = multipliers.active(at, &asked, found.model);
        if up_to < LayerKind::Contract {
            active = multipliers.without_contracts(active);
        }
        let rates = found.model.in_force(at, prompt, &context, up_to);
        Self { rates, multipliers, active, duration_us: asked.duration_us }
    }

    /// Whether a contract multiplies any of it.
    pub(crate) fn has_contract_factor(&self) -> bool {
        self.multipliers.without_contracts(self.active) != self.active
    }

    fn factor(&self, key: PriceKey) -> Factor {
        if self.active.is_none() { Factor::ONE } else { self.multipliers.factor(self.active, key) }
    }

    /// A rate with its factor, to be multiplied often.
    pub(crate) fn ready(&self, entry: &Entry) -> Ready {
        Ready::new(entry.rate.times(self.factor(entry.key)))
    }

    /// What is billed of what was used.
    fn billed(&self, used: &Meters) -> Meters {
        let mut billed = Meters::NONE;
        for (meter, quantity) in used.iter() {
            billed.set(meter, self.rates.billed(meter, quantity));
        }
        if !billed.is_empty() && self.rates.of(Meter::Request).is_some() {
            billed.set(Meter::Request, billed.get(Meter::Request).max(1));
        }
        billed
    }

    /// What is billed and has a price.
    fn items<'t>(&'t self, billed: &'t Meters) -> impl Iterator<Item = (Measured, u64, &'a Entry)> {
        let used = billed.iter().filter_map(|(meter, quantity)| {
            Some((Measured::Meter(meter), quantity, self.rates.of(meter)?))
        });
        let time = self.rates.get(PriceKey::GpuHour).zip(self.duration_us);
        used.chain(time.map(|(entry, duration)| (Measured::Duration, duration, entry)))
    }

    /// The sum of all lines in 1e-18 USD; `None` when it is unknown.
    fn sum(&self, billed: &Meters) -> Option<i128> {
        let by_time = self.rates.get(PriceKey::GpuHour).is_some();
        if by_time && self.duration_us.is_none() && !billed.is_empty() {
            return None;
        }
        let mut sum = None;
        for (_, quantity, entry) in self.items(billed) {
            let amount = entry.rate.times(self.factor(entry.key)).amount(quantity);
            sum = Some(sum.unwrap_or(0_i128).saturating_add(amount));
        }
        // Nothing used costs nothing where there are prices at all.
        let idle = billed.is_empty() && self.rates.entries().next().is_some();
        sum.or(idle.then_some(0))
    }

    /// A sum of hashes names the set: each key adds its own hash at most once.
    fn rate_set(&self) -> RateSet {
        let digest = |entry: &Entry| {
            let factor = self.factor(entry.key);
            if factor.is_one() { entry.digest } else { mixed(entry.digest, factor.pico()) }
        };
        RateSet(self.rates.entries().map(digest).fold(0, u64::wrapping_add))
    }
}

/// Two hashes as one (the finaliser of SplitMix64).
fn mixed(digest: u64, factor: u64) -> u64 {
    let mut word = digest ^ factor.rotate_left(32);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl<'a> Priced<'a> {
    /// What was billed and has a price, by meter. The amounts add up to the cost before its rounding.
    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.terms.items(&self.billed).map(|(meter, quantity, entry)| {
            let factor = self.terms.factor(entry.key);
            Line {
                meter,
                quantity,
                key: entry.key,
                rate: entry.rate,
                factor,
                amount_atto: entry.rate.times(factor).amount(quantity),
                source: Arc::clone(&entry.source),
            }
        })
    }

    /// What was used and has no price at all, by meter: worth an alarm, since it adds nothing. What is
    /// paid for by the time on GPUs has its price there.
    pub fn unpriced(&self) -> impl Iterator<Item = (Meter, u64)> + '_ {
        let by_time = self.terms.rates.get(PriceKey::GpuHour).is_some();
        let unknown =
            move |(meter, _): &(Meter, u64)| !by_time && self.terms.rates.of(*meter).is_none();
        self.billed.iter().filter(unknown)
    }

    /// The rates that [`Priced::rate_set`] names, used or not.
    pub fn rates(&self) -> impl Iterator<Item = RateInForce> + '_ {
        self.terms.rates.entries().map(|entry| RateInForce {
            key: entry.key,
            rate: entry.rate,
            factor: self.terms.factor(entry.key),
            source: Arc::clone(&entry.source),
        })
    }

    /// The factors in the lines, and who says so.
    pub fn factors(&self) -> impl Iterator<Item = AppliedFactor> + use<'_, 'a> {
        let keys = self.terms.items(&self.billed).map(|(_, _, entry)| entry.key);
        let mut used = 0_u64;
        keys.for_each(|key| used |= 1 << (key as u32));
        let keys = PriceKey::ALL.iter().copied().filter(move |key| used >> (*key as u32) & 1 == 1);
        self.terms.multipliers.applied(self.terms.active, keys)
    }
}
