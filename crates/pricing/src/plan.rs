//! A price looked up once for many requests that are priced alike: what repricing a history runs on.
//!
//! A plan gives to the last digit what [`PriceBook::price`] gives; it only does the looking up before,
//! and the divisions that do not depend on the quantity.

use events::{Meter, Meters};
use units::{UnixMicros, Usd};

use crate::book::PriceBook;
use crate::key::PriceKey;
use crate::layer::LayerKind;
use crate::lookup::Found;
use crate::price::{Query, Terms};
use crate::rate::{Ready, round_to_pico};

/// What requests of one provider, model and context cost during one span of time.
#[derive(Debug, Clone)]
pub struct PricePlan<'a> {
    from: UnixMicros,
    until: UnixMicros,
    /// By the length of the prompt, the shortest first; none when the model is unknown.
    classes: Vec<Class<'a>>,
}

/// What a request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedCost {
    /// What is billed, as [`crate::Priced::cost`].
    pub cost: Usd,
    /// The same at list prices, as [`crate::Priced::list`].
    pub list: Usd,
}

/// The prices of prompts up to some length.
#[derive(Debug, Clone)]
struct Class<'a> {
    /// Longest prompt it is for, tokens.
    up_to: u64,
    billed: Prepared<'a>,
    /// Where a contract has a say.
    list: Option<Prepared<'a>>,
}

impl PriceBook {
    /// What requests like this one cost: of its provider, model and context, whatever their quantities
    /// and durations are, for as long as nothing in the book changes around its instant.
    pub fn plan(&self, like: &Query<'_>) -> PricePlan<'_> {
        let (from, until) = self.edges.around(like.at);
        let found = self.find(like.provider, like.model, like.at);
        let classes = found.map(|found| classes(&found, like)).unwrap_or_default();
        PricePlan { from, until, classes }
    }
}

fn classes<'a>(found: &Found<'a>, like: &Query<'_>) -> Vec<Class<'a>> {
    let layers = found.model.stack.iter();
    let sheets = layers.flat_map(|layer| layer.sheets.iter().chain(&layer.variants));
    let tiers = sheets.flat_map(|sheet| sheet.tiers.iter().map(|tier| tier.above));
    let mut longest: Vec<u64> = tiers.chain([u64::MAX]).collect();
    longest.sort_unstable();
    longest.dedup();
    let class = |up_to: &u64| {
        // Every prompt of a class is on the same side of every threshold.
        let asked = (like.at, like.context);
        let terms = Terms::new(found, asked, *up_to, LayerKind::Contract);
        let has_contract = found.model.has_contract() || terms.has_contract_factor();
        let list = || Prepared::new(&Terms::new(found, asked, *up_to, LayerKind::Operator));
        Class { up_to: *up_to, billed: Prepared::new(&terms), list: has_contract.then(list) }
    };
    longest.iter().map(class).collect()
}

impl PricePlan<'_> {
    /// Whether it is for requests of an instant.
    pub fn holds_at(&self, at: UnixMicros) -> bool {
        self.from <= at && at < self.until
    }

    /// What was used comes to; `None` when that is unknown, as [`PriceBook::price`] says. The duration
    /// is [`crate::PriceContext::duration_us`]. Never allocates.
    pub fn cost(&self, used: &Meters, duration_us: Option<u64>) -> Option<PlannedCost> {
        let class = match self.classes.as_slice() {
            [only] => only,
            several => {
                let prompt = used.input_tokens();
                several.iter().find(|class| prompt <= class.up_to)?
            }
        };
        let cost = class.billed.sum(used, duration_us)?;
        let list = class.list.as_ref().and_then(|list| list.sum(used, duration_us));
        let cost = Usd::from_pico(round_to_pico(cost));
        let list = list.map_or(cost, |list| Usd::from_pico(round_to_pico(list)));
        Some(PlannedCost { cost, list })
    }
}

/// The rates of a request, factors included, by meter.
#[derive(Debug, Clone)]
struct Prepared<'a> {
    meters: [Option<Ready>; Meter::COUNT],
    minimum: &'a [(Meter, u64)],
    time: Option<Ready>,
    /// Whether there is any price at all.
    is_priced: bool,
}

impl<'a> Prepared<'a> {
    fn new(terms: &Terms<'a>) -> Self {
        let of = |meter: &Meter| terms.rates.of(*meter).map(|entry| terms.ready(entry));
        let mut meters = [None; Meter::COUNT];
        for (slot, meter) in meters.iter_mut().zip(Meter::ALL) {
            *slot = of(meter);
        }
        Self {
            meters,
            minimum: terms.rates.minimum(),
            time: terms.rates.get(PriceKey::GpuHour).map(|entry| terms.ready(entry)),
            is_priced: terms.rates.entries().next().is_some(),
        }
    }

    /// The sum of all lines in 1e-18 USD; `None` when it is unknown.
    fn sum(&self, used: &Meters, duration_us: Option<u64>) -> Option<i128> {
        let (mut sum, mut is_used) = (None, false);
        for (meter, rate) in Meter::ALL.iter().zip(&self.meters) {
            let quantity = used.get(*meter);
            if quantity == 0 {
                continue;
            }
            is_used = true;
            // The fee per request is added below: it is charged for any use.
            if let Some(rate) = rate.as_ref().filter(|_| *meter != Meter::Request) {
                add(&mut sum, rate.amount(self.billed(*meter, quantity)));
            }
        }
        if is_used && let Some(fee) = &self.meters[Meter::Request as usize] {
            let requests = used.get(Meter::Request);
            let billed = if requests == 0 { 1 } else { self.billed(Meter::Request, requests) };
            add(&mut sum, fee.amount(billed.max(1)));
        }
        if let Some(rate) = &self.time {
            match duration_us {
                Some(duration) => add(&mut sum, rate.amount(duration)),
                None if is_used => return None,
                None => {}
            }
        }
        let idle = !is_used && self.is_priced;
        sum.or(idle.then_some(0))
    }

    fn billed(&self, meter: Meter, quantity: u64) -> u64 {
        let least = self.minimum.iter().find(|(of, _)| *of == meter).map_or(0, |(_, least)| *least);
        quantity.max(least)
    }
}

fn add(sum: &mut Option<i128>, amount: i128) {
    *sum = Some(sum.unwrap_or(0).saturating_add(amount));
}
