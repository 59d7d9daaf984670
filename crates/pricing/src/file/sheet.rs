//! Sheets of a price file: rates with the time and the requests they are for.

use std::fmt;

use jiff::civil::Time;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::rules::When;
use crate::decimal::Decimal;
use crate::key::PriceKey;
use crate::window::{Moment, Window};

/// Prices with the time and the requests they are for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SheetFile {
    /// Request context, all of which must be so.
    #[serde(default)]
    pub(crate) when: When,
    from: Option<Moment>,
    to: Option<Moment>,
    /// From the first to just before the second time of day, UTC; over midnight if that is earlier.
    daily: Option<(Time, Time)>,
    /// What is no token and has no price here keeps that of the layers below: the source of this file
    /// prices tokens and says nothing of searches, pages or fees.
    #[serde(default)]
    pub(crate) keep_rates: bool,
    pub(crate) rates: RatesFile,
    #[serde(default)]
    pub(crate) tiers: Vec<TierFile>,
}

/// A tier as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierWritten {
    above: Option<u64>,
    at_least: Option<u64>,
    rates: RatesFile,
}

/// Rates that replace the base ones for the whole of a request with a longer prompt.
#[derive(Debug, Deserialize)]
#[serde(try_from = "TierWritten")]
pub(crate) struct TierFile {
    /// The prompt, cached tokens included, must be longer than this, in tokens.
    pub(crate) above: u64,
    pub(crate) rates: RatesFile,
}

impl TryFrom<TierWritten> for TierFile {
    type Error = &'static str;
    fn try_from(tier: TierWritten) -> Result<Self, Self::Error> {
        let above = match (tier.above, tier.at_least) {
            (Some(above), None) => above,
            (None, Some(least)) => least
                .checked_sub(1)
                .ok_or("a tier of `at_least` 0 is no tier: put it in `rates`")?,
            _ => return Err("a tier begins once: write either `above` or `at_least`"),
        };
        Ok(Self { above, rates: tier.rates })
    }
}

/// A sheet of `prices`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "SheetFile")]
pub(crate) struct PriceSheet(pub(crate) SheetFile);

/// A sheet of `variants`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "SheetFile")]
pub(crate) struct VariantSheet(pub(crate) SheetFile);

impl TryFrom<SheetFile> for PriceSheet {
    type Error = String;
    fn try_from(sheet: SheetFile) -> Result<Self, String> {
        if !sheet.when.is_empty() {
            return Err("`when` belongs to an entry of `variants`, not of `prices`: move it".into());
        }
        sheet.check().map(Self)
    }
}

impl TryFrom<SheetFile> for VariantSheet {
    type Error = String;
    fn try_from(sheet: SheetFile) -> Result<Self, String> {
        if sheet.when.is_empty() {
            return Err(
                "an entry of `variants` has no `when`: add one such as {\"service_tier\": \"flex\"}"
                    .into(),
            );
        }
        if sheet.keep_rates {
            return Err(
                "`keep_rates` belongs to an entry of `prices`: variants always keep them".into()
            );
        }
        sheet.check().map(Self)
    }
}

impl SheetFile {
    /// When it is in force.
    pub(crate) fn window(&self) -> Window {
        Window::new(self.from, self.to, self.daily)
    }

    fn check(self) -> Result<Self, String> {
        let window = self.window();
        if window.from >= window.to {
            return Err("`to` is not after `from`: these prices are never in force".into());
        }
        if !self.tiers.is_sorted_by(|lower, higher| lower.above < higher.above) {
            return Err("tiers must rise: sort them by `above`, each once".into());
        }
        let has_base = |key: PriceKey| self.rates.0.iter().any(|(base, _)| *base == key);
        let mut keys = self.tiers.iter().flat_map(|tier| &tier.rates.0).map(|(key, _)| *key);
        match keys.find(|key| !has_base(*key)) {
            Some(key) => {
                Err(format!("a tier prices `{key}` but `rates` does not: add it to `rates`"))
            }
            None => Ok(self),
        }
    }
}

/// Prices by key, each key once.
#[derive(Debug)]
pub(crate) struct RatesFile(pub(crate) Vec<(PriceKey, Decimal)>);

impl<'de> Deserialize<'de> for RatesFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rates;
        impl<'de> Visitor<'de> for Rates {
            type Value = RatesFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of prices such as {\"input\": \"2.50\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RatesFile, A::Error> {
                let mut rates: Vec<(PriceKey, Decimal)> = Vec::new();
                while let Some((key, price)) = map.next_entry()? {
                    if rates.iter().any(|(seen, _)| *seen == key) {
                        return Err(de::Error::custom(format!(
                            "`{key}` is priced twice: keep one"
                        )));
                    }
                    rates.push((key, price));
                }
                rates.sort_unstable_by_key(|(key, _)| *key);
                Ok(RatesFile(rates))
            }
        }
        deserializer.deserialize_map(Rates)
    }
}
