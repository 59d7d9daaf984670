//! `tollgate price diff`: what two books, or two price files, say differently.

use std::collections::BTreeMap;
use std::path::Path;

use pricing::{Layer, ModelEntry, PriceBook, PriceContext, PriceKey, Rate, RateEntry};
use units::{Clock, SystemClock, UnixMicros};

use super::book;
use super::list::price;
use super::show::is_dated_for;
use crate::cli::PriceDiffArgs;
use crate::failure::CommandError;
use crate::prices::{compose, layer_of};
use crate::print;

/// The book of this release alone.
const CATALOG: &str = "catalog";
/// The book in force.
const NOW: &str = "now";
/// What versions begin with.
const VERSION_PREFIX: &str = "pb_";

/// What a model costs: by the name of a price, the price.
type Prices = BTreeMap<String, String>;

/// One difference: what happened, provider, model, price, before, after.
pub(super) type Difference = [String; 6];

/// The header of differences.
pub(super) const HEADER: [&str; 6] = ["change", "provider", "model", "price", "before", "after"];

/// Runs the command.
pub(super) fn run(arguments: &PriceDiffArgs, path: &Path) -> Result<(), CommandError> {
    let at = arguments.at.unwrap_or_else(|| SystemClock.now());
    let (before, after) = (named(&arguments.before, path)?, named(&arguments.after, path)?);
    print::rows(HEADER, &differences(&before, &after, at), arguments.output)
}

fn named(name: &str, path: &Path) -> Result<PriceBook, CommandError> {
    match name {
        CATALOG => Ok(PriceBook::embedded()?),
        NOW => book::book(path, None),
        version if version.starts_with(VERSION_PREFIX) && !Path::new(version).exists() => {
            book::book(path, Some(version))
        }
        file => {
            let layer: Layer = layer_of(Path::new(file), "a file to compare")?;
            Ok(compose(&[layer])?)
        }
    }
}

/// Every price that is not the same in both at an instant, by provider and model.
pub(super) fn differences(
    before: &PriceBook,
    after: &PriceBook,
    at: UnixMicros,
) -> Vec<Difference> {
    let all = |book: &PriceBook| -> BTreeMap<(String, String), Prices> {
        let named = |model: ModelEntry<'_>| {
            let name = (model.provider_id().to_owned(), model.id().to_owned());
            (name, prices(&model, at))
        };
        book.models().map(named).collect()
    };
    let (mut before, after) = (all(before), all(after));
    let mut found = Vec::new();
    for ((provider, model), now) in &after {
        let key = (provider.clone(), model.clone());
        let was = before.remove(&key);
        let kind = if was.is_some() { "changed" } else { "added" };
        let was = was.unwrap_or_default();
        let names = was.keys().chain(now.keys().filter(|name| !was.contains_key(*name)));
        for name in names.filter(|name| was.get(*name) != now.get(*name)) {
            let shown =
                |prices: &Prices| prices.get(name).cloned().unwrap_or_else(|| "-".to_owned());
            found.push([
                kind.to_owned(),
                provider.clone(),
                model.clone(),
                name.clone(),
                shown(&was),
                shown(now),
            ]);
        }
    }
    for ((provider, model), was) in before {
        let gone = |(name, price)| {
            ["removed".to_owned(), provider.clone(), model.clone(), name, price, "-".to_owned()]
        };
        found.extend(was.into_iter().map(gone));
    }
    found
}

/// What a model costs at an instant, factors included: plain requests, longer prompts, other kinds.
fn prices(model: &ModelEntry<'_>, at: UnixMicros) -> Prices {
    let rates = |prompt: u64| {
        let rates = model.rates_at(at, &PriceContext::NONE, prompt);
        rates.into_iter().map(|rate| (rate.key, rate.rate.times(rate.factor)))
    };
    let mut prices = Prices::new();
    let base: BTreeMap<PriceKey, Rate> = rates(0).collect();
    prices.extend(base.iter().map(|(key, rate)| (key.to_string(), price(*key, *rate))));
    for sheet in model.sheets().iter().filter(|sheet| is_dated_for(sheet, at)) {
        if !sheet.when.is_empty() {
            let of_kind = |entry: &RateEntry| {
                (format!("{} ({})", entry.key, sheet.when), price(entry.key, entry.rate))
            };
            // The highest layer comes first and counts.
            for (name, price) in sheet.rates.iter().map(of_kind) {
                prices.entry(name).or_insert(price);
            }
            continue;
        }
        for above in sheet.tiers.iter().map(|tier| tier.above) {
            let of_tier = rates(above.saturating_add(1));
            let longer = of_tier.filter(|(key, rate)| base.get(key) != Some(rate));
            prices.extend(
                longer.map(|(key, rate)| (format!("{key} (prompt > {above})"), price(key, rate))),
            );
        }
    }
    prices
}
