//! A model's prices, layer by layer, and which of them are in force for one request.
//!
//! The highest layer that has a price in force speaks alone: what it does not price is not priced.
//! Before its first `from`, and after its last `to`, the layer below speaks. A layer that has only
//! variants adds them to what the layers below say. A price of tokens from a source that knows of nothing
//! else (`keep_rates`) leaves the rest to the layers below.

use std::sync::Arc;

use events::Meter;
use serde::{Serialize, Serializer};
use units::UnixMicros;

use crate::book::{ModelLife, ModelLimits};
use crate::clause::Clause;
use crate::context::PriceContext;
use crate::decimal::Decimal;
use crate::file::{BookFile, ModelFile, SheetFile, TierFile, When};
use crate::key::PriceKey;
use crate::layer::{LayerKind, Source};
use crate::rate::Rate;
use crate::window::Window;

/// A model with every price it ever had.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    pub(crate) id: Box<str>,
    /// The id as clauses match it.
    #[serde(skip)]
    pub(crate) lower_id: Box<str>,
    pub(crate) clause: Clause,
    pub(crate) limits: ModelLimits,
    pub(crate) life: ModelLife,
    /// The prices of each layer, the highest first.
    #[serde(serialize_with = "each")]
    pub(crate) stack: Vec<Arc<PriceLayer>>,
    /// The layer above the catalog that decided what names it answers to; such models go first.
    #[serde(skip)]
    pub(crate) pinned: Option<LayerKind>,
}

/// What one layer says of a model's price.
#[derive(Debug, Serialize)]
pub(crate) struct PriceLayer {
    pub(crate) kind: LayerKind,
    pub(crate) keeps_variants: bool,
    /// The last that is active is in force; where none is, the first of the catalog.
    pub(crate) sheets: Vec<Sheet>,
    /// Each rate is taken from the first that applies.
    pub(crate) variants: Vec<Sheet>,
    /// The least quantity billed of a meter used at all.
    minimum: Vec<(Meter, u64)>,
}

fn each<S: Serializer>(stack: &[Arc<PriceLayer>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(stack.iter().map(|layer| &**layer))
}

impl PriceLayer {
    /// The prices of a model of a file; `None` when it has none.
    pub(crate) fn new(file: &mut ModelFile, units: &Units<'_>) -> Option<Self> {
        let sheets = file.prices.take().unwrap_or_default();
        let variants = std::mem::take(&mut file.variants);
        if sheets.is_empty() && variants.is_empty() {
            return None;
        }
        let entries = |rates: &[(PriceKey, Decimal)]| units.entries(rates, file);
        Some(Self {
            kind: units.source.kind,
            keeps_variants: file.keep_variants,
            sheets: sheets.into_iter().map(|sheet| Sheet::new(sheet.0, &entries)).collect(),
            variants: variants.into_iter().map(|sheet| Sheet::new(sheet.0, &entries)).collect(),
            minimum: file.minimum.iter().map(|(meter, least)| (*meter, *least)).collect(),
        })
    }

    /// The sheet in force at an instant.
    pub(crate) fn sheet_at(&self, at: UnixMicros) -> Option<&Sheet> {
        let active = self.sheets.iter().rev().find(|sheet| sheet.window.is_active(at));
        // The catalog's source says so of prices that begin later than they were used.
        active.or(self.sheets.first().filter(|_| self.kind == LayerKind::Embedded))
    }
}

impl Model {
    /// Whether some layer has a price in force at an instant.
    pub(crate) fn is_priced_at(&self, at: UnixMicros) -> bool {
        self.stack.iter().any(|layer| layer.sheet_at(at).is_some())
    }

    /// Whether a contract has a price for it.
    pub(crate) fn has_contract(&self) -> bool {
        self.stack.first().is_some_and(|layer| layer.kind == LayerKind::Contract)
    }

    /// The rates of a request at an instant with a prompt of so many tokens, cached ones included, from
    /// the layers up to a kind.
    pub(crate) fn in_force(
        &self,
        at: UnixMicros,
        prompt: u64,
        context: &PriceContext<'_>,
        up_to: LayerKind,
    ) -> InForce<'_> {
        let mut rates = InForce { entries: [None; PriceKey::COUNT], minimum: &[] };
        let mut base: Option<(&PriceLayer, &Sheet)> = None;
        for layer in self.stack.iter().filter(|layer| layer.kind <= up_to) {
            for variant in &layer.variants {
                if variant.window.is_active(at) && variant.when.holds(context) {
                    variant.fill(prompt, &mut rates);
                }
            }
            let sheet = layer.sheet_at(at).map(|sheet| (&**layer, sheet));
            base = base.or(sheet);
            if sheet.is_some() && !layer.keeps_variants {
                break;
            }
        }
        if let Some((layer, sheet)) = base {
            sheet.fill(prompt, &mut rates);
            rates.minimum = &layer.minimum;
            if sheet.keeps_rates {
                self.fill_kept(layer, (at, prompt, up_to), &mut rates);
            }
        }
        rates
    }

    /// Adds what the layers below one say of what is no token.
    fn fill_kept<'a>(
        &'a self,
        above: &PriceLayer,
        (at, prompt, up_to): (UnixMicros, u64, LayerKind),
        rates: &mut InForce<'a>,
    ) {
        let layers = self.stack.iter().filter(|layer| layer.kind <= up_to);
        for layer in layers.skip_while(|layer| !std::ptr::eq(&***layer, above)).skip(1) {
            let Some(sheet) = layer.sheet_at(at) else { continue };
            for entry in sheet.entries(prompt).filter(|entry| !entry.key.is_tokens()) {
                rates.decide(entry);
            }
            if rates.minimum.is_empty() {
                rates.minimum = &layer.minimum;
            }
            if !sheet.keeps_rates {
                break;
            }
        }
    }
}

/// Prices with the time and the requests they are for.
#[derive(Debug, Serialize)]
pub(crate) struct Sheet {
    pub(crate) window: Window,
    pub(crate) when: When,
    /// What is no token and has no price here keeps that of the layers below.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    keeps_rates: bool,
    pub(crate) base: Vec<Entry>,
    /// Highest threshold first.
    pub(crate) tiers: Vec<Tier>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Tier {
    /// In force when the prompt is longer than this, in tokens.
    pub(crate) above: u64,
    pub(crate) entries: Vec<Entry>,
}

/// One price.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) key: PriceKey,
    pub(crate) rate: Rate,
    /// Hash of key and rate: what a set of rates is named by.
    #[serde(skip)]
    pub(crate) digest: u64,
    #[serde(skip)]
    pub(crate) source: Arc<Source>,
}

impl Sheet {
    fn new(sheet: SheetFile, entries: &impl Fn(&[(PriceKey, Decimal)]) -> Vec<Entry>) -> Self {
        let tier = |tier: TierFile| Tier { above: tier.above, entries: entries(&tier.rates.0) };
        Self {
            window: sheet.window(),
            keeps_rates: sheet.keep_rates,
            base: entries(&sheet.rates.0),
            tiers: sheet.tiers.into_iter().rev().map(tier).collect(),
            when: sheet.when,
        }
    }

    /// Adds the rates that are not decided yet.
    fn fill<'a>(&'a self, prompt: u64, rates: &mut InForce<'a>) {
        self.entries(prompt).for_each(|entry| rates.decide(entry));
    }

    /// The prices for a prompt of so many tokens, those that go first first.
    fn entries(&self, prompt: u64) -> impl Iterator<Item = &Entry> {
        let tiers = self.tiers.iter().filter(move |tier| prompt > tier.above);
        tiers.flat_map(|tier| &tier.entries).chain(&self.base)
    }
}

/// The `per` of one file, and who it is.
pub(crate) struct Units<'f> {
    pub(crate) file: &'f BookFile,
    pub(crate) source: Arc<Source>,
}

impl Units<'_> {
    /// Every rate with the unit the file gives for its key.
    fn entries(&self, rates: &[(PriceKey, Decimal)], model: &ModelFile) -> Vec<Entry> {
        let entry = |(key, price): &(PriceKey, Decimal)| {
            let per = self.file.per.get(key).copied().unwrap_or(key.default_per());
            let mut rate = Rate::new(*price, per);
            if *key == PriceKey::GpuHour {
                let one = std::num::NonZeroU32::MIN;
                rate = rate.shared(model.gpus.unwrap_or(one), model.concurrency.unwrap_or(one));
            }
            Entry::new(*key, rate, &self.source)
        };
        rates.iter().map(entry).collect()
    }
}

impl Entry {
    fn new(key: PriceKey, rate: Rate, source: &Arc<Source>) -> Self {
        let text = format!("{key} {}/{}", rate.atto(), rate.per());
        let mut first = [0; 8];
        first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
        Self { key, rate, digest: u64::from_be_bytes(first), source: Arc::clone(source) }
    }
}

/// The price of every key for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InForce<'a> {
    entries: [Option<&'a Entry>; PriceKey::COUNT],
    minimum: &'a [(Meter, u64)],
}

impl<'a> InForce<'a> {
    /// Takes a price unless its key has one.
    fn decide(&mut self, entry: &'a Entry) {
        let decided = &mut self.entries[entry.key as usize];
        *decided = decided.or(Some(entry));
    }

    /// The price of a meter: its own or its nearest ancestor's.
    pub(crate) fn of(&self, meter: Meter) -> Option<&'a Entry> {
        PriceKey::of(meter).iter().find_map(|key| self.entries[*key as usize])
    }

    /// The price of one key.
    pub(crate) fn get(&self, key: PriceKey) -> Option<&'a Entry> {
        self.entries[key as usize]
    }

    /// Every price, in the order of the keys.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &'a Entry> + Clone + '_ {
        self.entries.iter().copied().flatten()
    }

    /// The least quantity billed of meters used at all.
    pub(crate) fn minimum(&self) -> &'a [(Meter, u64)] {
        self.minimum
    }

    /// What is billed of a quantity of a meter that was used.
    pub(crate) fn billed(&self, meter: Meter, quantity: u64) -> u64 {
        let least = self.minimum.iter().find(|(of, _)| *of == meter).map_or(0, |(_, least)| *least);
        quantity.max(least)
    }
}
