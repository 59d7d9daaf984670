//! The format of a price file: what `data/catalog.json` and an operator's own files look like.
//!
//! ```json
//! { "per": {"web_search": 1000},
//!   "providers": [{ "id": "openai", "models": [{
//!     "id": "gpt-5.4",
//!     "match": {"or": [{"equals": "gpt-5.4"}, {"starts_with": "gpt-5.4-2"}]},
//!     "context_tokens": 1050000, "output_tokens": 128000,
//!     "prices": [{"rates": {"input": "2.50", "output": "15"},
//!                 "tiers": [{"above": 272000, "rates": {"input": "5", "output": "22.50"}}]},
//!                {"from": "2027-01-01", "rates": {"input": "2", "output": "12"}}],
//!     "variants": [{"when": {"service_tier": "flex"}, "rates": {"input": "1.25"}}],
//!     "minimum": {"audio_seconds": 10} }] }] }
//! ```
//!
//! Every check is made while the text is read, so that its error has a line. Unknown fields, repeated
//! ids and repeated rates are refused: a price that is silently ignored costs money.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;

use events::Meter;
use jiff::civil::{Date, Time};
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::clause::Clause;
use crate::decimal::Decimal;
use crate::key::PriceKey;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookFile {
    /// Where the prices come from, for people.
    #[serde(default, rename = "source")]
    _source: IgnoredAny,
    /// How many units the prices of a key are for, where it is not the default of the key.
    #[serde(default)]
    pub(crate) per: BTreeMap<PriceKey, NonZeroU32>,
    #[serde(deserialize_with = "distinct")]
    pub(crate) providers: Vec<ProviderFile>,
}

/// A provider: who bills.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderFile {
    pub(crate) id: String,
    /// Other ids it is known by.
    #[serde(rename = "match")]
    pub(crate) clause: Option<Clause>,
    /// The models by whose name it is recognised where no provider is told.
    #[serde(rename = "model_match")]
    pub(crate) model_clause: Option<Clause>,
    /// Providers whose models it resells at their list prices.
    pub(crate) fallback: Option<Vec<String>>,
    #[serde(deserialize_with = "distinct")]
    pub(crate) models: Vec<ModelFile>,
}

/// A model of a provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelFile {
    pub(crate) id: String,
    /// The names it answers to; the id alone where nothing is said.
    #[serde(rename = "match")]
    pub(crate) clause: Option<Clause>,
    pub(crate) context_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    /// The last that is in force applies; where none is, the first.
    #[serde(deserialize_with = "at_least_one")]
    pub(crate) prices: Vec<PriceSheet>,
    /// Partial prices for requests of a kind; for each rate the first that applies.
    #[serde(default)]
    pub(crate) variants: Vec<VariantSheet>,
    /// The least quantity billed of a meter that was used at all.
    #[serde(default)]
    pub(crate) minimum: BTreeMap<Meter, u64>,
}

/// Prices with the time and the requests they are for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SheetFile {
    /// Request context, all of which must be exactly so (`service_tier`, `processing`, `speed`, ..).
    #[serde(default)]
    pub(crate) when: BTreeMap<Box<str>, Box<str>>,
    /// First day, UTC.
    pub(crate) from: Option<Date>,
    /// From the first to just before the second time of day, UTC; over midnight if that is earlier.
    pub(crate) daily: Option<(Time, Time)>,
    pub(crate) rates: RatesFile,
    #[serde(default)]
    pub(crate) tiers: Vec<TierFile>,
}

/// Rates that replace the base ones for the whole of a request with a longer prompt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierFile {
    /// The prompt, cached tokens included, must be longer than this, in tokens.
    pub(crate) above: u64,
    pub(crate) rates: RatesFile,
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
        sheet.check_tiers().map(Self)
    }
}

impl TryFrom<SheetFile> for VariantSheet {
    type Error = String;
    fn try_from(sheet: SheetFile) -> Result<Self, String> {
        if sheet.when.is_empty() {
            return Err(
                "an entry of `variants` needs a `when` such as {\"service_tier\": \"flex\"}".into(),
            );
        }
        sheet.check_tiers().map(Self)
    }
}

impl SheetFile {
    fn check_tiers(self) -> Result<Self, String> {
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

/// What a list of a price file holds at most once.
pub(crate) trait Identified {
    /// What it is, for messages.
    const KIND: &'static str;
    /// What tells it from the others.
    fn id(&self) -> &str;
}

impl Identified for ProviderFile {
    const KIND: &'static str = "provider";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for ModelFile {
    const KIND: &'static str = "model";
    fn id(&self) -> &str {
        &self.id
    }
}

fn distinct<'de, D: Deserializer<'de>, T: Deserialize<'de> + Identified>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Distinct<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de> + Identified> Visitor<'de> for Distinct<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of {}s", T::KIND)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let (mut items, mut seen) = (Vec::<T>::new(), HashSet::<String>::new());
            while let Some(item) = seq.next_element::<T>()? {
                let (kind, id) = (T::KIND, item.id());
                if id.trim().is_empty() {
                    return Err(de::Error::custom(format!("a {kind} has an empty `id`: name it")));
                }
                if !seen.insert(id.to_lowercase()) {
                    let twice = format!("{kind} `{id}` is listed twice: keep one");
                    return Err(de::Error::custom(twice));
                }
                items.push(item);
            }
            Ok(items)
        }
    }
    deserializer.deserialize_seq(Distinct(PhantomData))
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PriceSheet>, D::Error> {
    let sheets = Vec::<PriceSheet>::deserialize(deserializer)?;
    if sheets.is_empty() {
        return Err(de::Error::custom("`prices` is empty: give one entry with `rates`"));
    }
    Ok(sheets)
}
