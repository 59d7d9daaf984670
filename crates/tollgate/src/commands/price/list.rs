//! `tollgate price list`: what models cost.

use std::path::Path;

use pricing::{ModelEntry, PriceContext, PriceKey, Rate, RateInForce};
use serde_json::{Map, Value, json};
use units::{Clock, SystemClock, UnixMicros};

use super::book;
use crate::cli::{Output, PriceListArgs};
use crate::failure::CommandError;
use crate::print;

/// Runs the command.
pub(super) fn run(arguments: &PriceListArgs, path: &Path) -> Result<(), CommandError> {
    let book = book::book(path, None)?;
    let at = arguments.at.unwrap_or_else(|| SystemClock.now());
    let asked = arguments.provider.as_deref().map(str::to_lowercase);
    // A provider is asked for by any of its names; of none a model must be known to say which it is.
    let provider = match &asked {
        Some(name) => Some(book.provider_named(name).ok_or_else(|| {
            let known: Vec<&str> = book.provider_ids().collect();
            CommandError::Usage(format!(
                "there is no provider `{name}`: use one of {}",
                known.join(", ")
            ))
        })?),
        None => None,
    };
    let part = arguments.model.as_deref().map(str::to_lowercase);
    let wanted = |model: &ModelEntry<'_>| {
        provider.is_none_or(|id| id == model.provider_id())
            && part.as_ref().is_none_or(|part| model.id().to_lowercase().contains(part))
    };
    let models: Vec<ModelEntry<'_>> = book.models().filter(wanted).collect();
    if arguments.output == Output::Json {
        let models: Vec<Value> = models.iter().map(|model| object(model, at)).collect();
        return print::line(&serde_json::to_string_pretty(&models).unwrap_or_default());
    }
    let rows: Vec<[String; 8]> = models.iter().map(|model| row(model, at)).collect();
    let header =
        ["provider", "model", "input", "cache_read", "cache_write", "output", "more", "source"];
    print::rows(header, &rows, arguments.output)
}

fn row(model: &ModelEntry<'_>, at: UnixMicros) -> [String; 8] {
    use PriceKey::{CacheRead, CacheWrite, Input, Output};
    let rates = model.rates_at(at, &PriceContext::NONE, 0);
    let of = |key: PriceKey| {
        let found = rates.iter().find(|rate| rate.key == key);
        found.map_or_else(|| "-".to_owned(), |rate| price(rate.key, rate.rate))
    };
    let shown = [Input, CacheRead, CacheWrite, Output];
    let more = rates.iter().filter(|rate| !shown.contains(&rate.key));
    let more: Vec<String> =
        more.map(|rate| format!("{}={}", rate.key, price(rate.key, rate.rate))).collect();
    [
        model.provider_id().to_owned(),
        model.id().to_owned(),
        of(Input),
        of(CacheRead),
        of(CacheWrite),
        of(Output),
        more.join(" "),
        rates.first().map_or_else(|| "-".to_owned(), |rate| rate.source.name.clone()),
    ]
}

fn object(model: &ModelEntry<'_>, at: UnixMicros) -> Value {
    json!({
        "provider": model.provider_id(),
        "model": model.id(),
        "rates": rates(&model.rates_at(at, &PriceContext::NONE, 0)),
    })
}

/// Prices by key, as JSON.
pub(super) fn rates(rates: &[RateInForce]) -> Map<String, Value> {
    let member = |rate: &RateInForce| {
        let mut shown = json!({
            "usd": usd(rate.rate), "per": rate.rate.per().to_string(),
            "source": rate.source.to_string(),
        });
        if !rate.factor.is_one() {
            shown["factor"] = rate.factor.to_string().into();
        }
        (rate.key.to_string(), shown)
    };
    rates.iter().map(member).collect()
}

/// A price: of the unit usual for its key the dollars alone.
pub(super) fn price(key: PriceKey, rate: Rate) -> String {
    if rate.per() == i128::from(key.default_per().get()) {
        usd(rate)
    } else {
        format!("{}/{}", usd(rate), rate.per())
    }
}

/// The dollars of a rate, exactly.
pub(super) fn usd(rate: Rate) -> String {
    let text = rate.to_string();
    text.split(' ').next().unwrap_or_default().to_owned()
}
