//! A model's prices, and which of them are in force for one request.

use events::Meter;
use jiff::tz::TimeZone;
use jiff::{civil, civil::Date};
use serde::Serialize;
use units::UnixMicros;

use crate::book::ModelLimits;
use crate::clause::Clause;
use crate::decimal::Decimal;
use crate::file::{BookFile, SheetFile};
use crate::key::PriceKey;
use crate::rate::Rate;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A model with every price it ever had.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    pub(crate) id: Box<str>,
    pub(crate) clause: Clause,
    pub(crate) limits: ModelLimits,
    /// The last that is active is in force; where none is, the first. Never empty.
    pub(crate) sheets: Vec<Sheet>,
    /// Each rate is taken from the first that applies.
    pub(crate) variants: Vec<Sheet>,
    /// The least quantity billed of a meter used at all.
    pub(crate) minimum: Vec<(Meter, u64)>,
    /// Whether a file of the operator decided what names it answers to; such go first.
    pub(crate) pinned: bool,
}

/// What of a request, besides its time and size, selects prices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'q> {
    pub(crate) service_tier: Option<&'q str>,
    pub(crate) others: &'q [(&'q str, &'q str)],
}

impl<'q> Context<'q> {
    /// Nothing told.
    pub(crate) const NONE: Context<'static> = Context { service_tier: None, others: &[] };

    fn get(&self, key: &str) -> Option<&'q str> {
        let told = self.others.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        match key {
            "service_tier" => self.service_tier.or(told),
            // Some providers report a batch as a service tier, the catalog as a way of processing.
            "processing" => told.or(self.service_tier.filter(|tier| *tier == "batch")),
            _ => told,
        }
    }
}

impl Model {
    /// The rates of a request at an instant with a prompt of so many tokens, cached ones included.
    pub(crate) fn in_force(
        &self,
        at: UnixMicros,
        prompt: u64,
        context: &Context<'_>,
    ) -> InForce<'_> {
        let mut rates = InForce([None; PriceKey::COUNT]);
        for variant in &self.variants {
            if variant.window.is_active(at) && variant.applies_to(context) {
                variant.fill(prompt, &mut rates);
            }
        }
        let active = self.sheets.iter().rev().find(|sheet| sheet.window.is_active(at));
        if let Some(sheet) = active.or(self.sheets.first()) {
            sheet.fill(prompt, &mut rates);
        }
        rates
    }

    /// What is billed of a quantity of a meter that was used.
    pub(crate) fn billed(&self, meter: Meter, quantity: u64) -> u64 {
        let least = self.minimum.iter().find(|(of, _)| *of == meter).map_or(0, |(_, least)| *least);
        quantity.max(least)
    }
}

/// Prices with the time and the requests they are for.
#[derive(Debug, Serialize)]
pub(crate) struct Sheet {
    window: Window,
    when: Vec<(Box<str>, Box<str>)>,
    base: Vec<Entry>,
    /// Highest threshold first.
    tiers: Vec<Tier>,
}

#[derive(Debug, Serialize)]
struct Tier {
    /// In force when the prompt is longer than this, in tokens.
    above: u64,
    entries: Vec<Entry>,
}

/// One price.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) key: PriceKey,
    pub(crate) rate: Rate,
    /// Hash of key and rate: what a set of rates is named by.
    #[serde(skip)]
    pub(crate) digest: u64,
}

impl Sheet {
    /// A sheet from its file, every rate with the unit the file gives for its key.
    pub(crate) fn new(sheet: SheetFile, units: &Units<'_>) -> Self {
        let tier = |tier: crate::file::TierFile| Tier {
            above: tier.above,
            entries: units.entries(&tier.rates.0),
        };
        Self {
            window: Window::new(sheet.from, sheet.daily),
            when: sheet.when.into_iter().collect(),
            base: units.entries(&sheet.rates.0),
            tiers: sheet.tiers.into_iter().rev().map(tier).collect(),
        }
    }

    fn applies_to(&self, context: &Context<'_>) -> bool {
        self.when.iter().all(|(key, value)| context.get(key) == Some(value))
    }

    /// Adds the rates that are not decided yet.
    fn fill<'a>(&'a self, prompt: u64, rates: &mut InForce<'a>) {
        let tiers = self.tiers.iter().filter(|tier| prompt > tier.above);
        for entry in tiers.flat_map(|tier| &tier.entries).chain(&self.base) {
            let decided = &mut rates.0[entry.key as usize];
            *decided = decided.or(Some(entry));
        }
    }
}

/// The `per` of one file.
pub(crate) struct Units<'f>(pub(crate) &'f BookFile);

impl Units<'_> {
    fn entries(&self, rates: &[(PriceKey, Decimal)]) -> Vec<Entry> {
        let entry = |(key, price): &(PriceKey, Decimal)| {
            let per = self.0.per.get(key).copied().unwrap_or(key.default_per());
            Entry::new(*key, Rate::new(*price, per))
        };
        rates.iter().map(entry).collect()
    }
}

impl Entry {
    fn new(key: PriceKey, rate: Rate) -> Self {
        let text = format!("{key} {}/{}", rate.atto(), rate.per());
        let mut first = [0; 8];
        first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
        Self { key, rate, digest: u64::from_be_bytes(first) }
    }
}

/// The price of every key for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InForce<'a>(pub(crate) [Option<&'a Entry>; PriceKey::COUNT]);

impl<'a> InForce<'a> {
    /// The price of a meter: its own or its nearest ancestor's.
    pub(crate) fn of(&self, meter: Meter) -> Option<&'a Entry> {
        PriceKey::of(meter).iter().find_map(|key| self.0[*key as usize])
    }

    /// Every price, in the order of the keys.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &'a Entry> + '_ {
        self.0.iter().copied().flatten()
    }
}

/// When prices are in force.
#[derive(Debug, Clone, Copy, Serialize)]
struct Window {
    from: UnixMicros,
    /// Start and end, microseconds of the day in UTC; over midnight when the end is the smaller.
    daily: Option<(i64, i64)>,
}

impl Window {
    fn new(from: Option<Date>, daily: Option<(civil::Time, civil::Time)>) -> Self {
        let midnight = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().into());
        let of_day = |time: civil::Time| {
            let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60;
            (seconds + i64::from(time.second())) * 1_000_000
                + i64::from(time.subsec_nanosecond()) / 1_000
        };
        Self {
            from: from.and_then(midnight).unwrap_or(UnixMicros::new(i64::MIN)),
            daily: daily.map(|(start, end)| (of_day(start), of_day(end))),
        }
    }

    fn is_active(&self, at: UnixMicros) -> bool {
        let now = at.get().rem_euclid(MICROS_PER_DAY);
        at >= self.from
            && self.daily.is_none_or(|(start, end)| {
                if end < start { now >= start || now < end } else { (start..end).contains(&now) }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMicros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn a_daily_window_holds_its_start_and_not_its_end() {
        let window = |start: &str, end: &str| {
            Window::new(None, Some((start.parse().unwrap(), end.parse().unwrap())))
        };
        let day = window("01:00", "04:00");
        assert!(!day.is_active(at("2026-05-17T00:59:59.999999Z")));
        assert!(day.is_active(at("2026-05-17T01:00:00Z")));
        assert!(day.is_active(at("1969-05-17T03:59:59.999999Z")));
        assert!(!day.is_active(at("2026-05-17T04:00:00Z")));
        let night = window("16:30", "00:30");
        assert!(night.is_active(at("2026-05-17T16:30:00Z")));
        assert!(night.is_active(at("2026-05-17T00:29:59Z")));
        assert!(!night.is_active(at("2026-05-17T00:30:00Z")));
    }

    #[test]
    fn a_dated_price_starts_at_midnight_utc() {
        let window = Window::new(Some(civil::date(2025, 6, 10)), None);
        assert!(!window.is_active(at("2025-06-09T23:59:59.999999Z")));
        assert!(window.is_active(at("2025-06-10T00:00:00Z")));
    }
}
