//! `tollgate price show`: one model, what it costs, who says so, and how long it lives.

use std::path::Path;

use pricing::{ModelEntry, PriceBook, PriceContext, RateEntry, SheetEntry, TierEntry};
use serde_json::{Map, Value, json};
use units::{Clock, SystemClock, UnixMicros};

use super::book;
use super::list::{price, rates, usd};
use crate::cli::{Output, PriceShowArgs};
use crate::failure::CommandError;
use crate::print;

/// Runs the command.
pub(super) fn run(arguments: &PriceShowArgs, path: &Path) -> Result<(), CommandError> {
    let book = book::book(path, None)?;
    let at = arguments.at.unwrap_or_else(|| SystemClock.now());
    let model = named(&book, arguments.provider.as_deref(), &arguments.model)?;
    match arguments.output {
        Output::Json => {
            let shown = object(&book, &model, at);
            print::line(&serde_json::to_string_pretty(&shown).unwrap_or_default())
        }
        Output::Csv => print::rows(HEADER, &sheets(&model, at), Output::Csv),
        Output::Table => table(&book, &model, at),
    }
}

const HEADER: [&str; 8] = ["in_force", "from", "to", "daily", "for", "prompt", "prices", "source"];

/// The model of a name, `PROVIDER/MODEL` or its own, at a provider or whoever has it.
pub(super) fn named<'b>(
    book: &'b PriceBook,
    provider: Option<&str>,
    name: &str,
) -> Result<ModelEntry<'b>, CommandError> {
    let found = match provider {
        Some(provider) => book.model(provider, name),
        None => finops::model_named(book, name),
    };
    found.ok_or_else(|| {
        CommandError::Usage(format!(
            "no model `{name}` is known to price book {}: `tollgate price list --model …` looks for parts of names",
            book.version()
        ))
    })
}

fn table(book: &PriceBook, model: &ModelEntry<'_>, at: UnixMicros) -> Result<(), CommandError> {
    let limits = model.limits();
    let tokens = |tokens: Option<u64>| tokens.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let life = model.life();
    let end = match (&life.retires, &life.replacement) {
        (Some(at), Some(next)) => format!("{at}, replaced by {next}"),
        (Some(at), None) => at.to_string(),
        (None, Some(next)) => format!("replaced by {next}"),
        (None, None) => "-".to_owned(),
    };
    print::text(&format!(
        "{} / {}\nprice book {}\ncontext {} tokens, output {} tokens\nretires {end}\n\n",
        model.provider_id(),
        model.id(),
        book.version(),
        tokens(limits.context_tokens),
        tokens(limits.output_tokens),
    ))?;
    let rows: Vec<[String; 4]> = model
        .rates_at(at, &PriceContext::NONE, 0)
        .iter()
        .map(|rate| {
            let factor = if rate.factor.is_one() { String::new() } else { rate.factor.to_string() };
            [rate.key.to_string(), rate.rate.to_string(), factor, rate.source.to_string()]
        })
        .collect();
    print::rows(["key", "price", "factor", "source"], &rows, Output::Table)?;
    print::line("")?;
    print::rows(HEADER, &sheets(model, at), Output::Table)
}

/// Every sheet of every layer, each tier of prompt in a row of its own.
fn sheets(model: &ModelEntry<'_>, at: UnixMicros) -> Vec<[String; 8]> {
    let mut rows = Vec::new();
    for sheet in model.sheets() {
        let base = [(None, &sheet.rates)];
        let tiers = sheet.tiers.iter().map(|tier| (Some(tier.above), &tier.rates));
        for (above, rates) in base.into_iter().chain(tiers) {
            rows.push(row(&sheet, above, rates, at));
        }
    }
    rows
}

fn row(sheet: &SheetEntry, above: Option<u64>, rates: &[RateEntry], at: UnixMicros) -> [String; 8] {
    let instant = |at: Option<UnixMicros>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let prices: Vec<String> = rates
        .iter()
        .map(|entry| format!("{}={}", entry.key, price(entry.key, entry.rate)))
        .collect();
    [
        if is_dated_for(sheet, at) { "yes" } else { "no" }.to_owned(),
        instant(sheet.from),
        instant(sheet.to),
        sheet.daily_us.map_or_else(|| "-".to_owned(), daily),
        if sheet.when.is_empty() { "-".to_owned() } else { sheet.when.clone() },
        above.map_or_else(|| "-".to_owned(), |above| format!("> {above}")),
        prices.join(" "),
        sheet.source.as_ref().map_or_else(|| "-".to_owned(), |source| source.to_string()),
    ]
}

/// Whether an instant lies within its dates; whether a higher layer speaks instead is another matter.
pub(super) fn is_dated_for(sheet: &SheetEntry, at: UnixMicros) -> bool {
    sheet.from.is_none_or(|from| at >= from) && sheet.to.is_none_or(|to| at < to)
}

fn daily((start, end): (i64, i64)) -> String {
    let time =
        |micros: i64| format!("{:02}:{:02}", micros / 3_600_000_000, micros / 60_000_000 % 60);
    format!("{}-{}", time(start), time(end))
}

fn object(book: &PriceBook, model: &ModelEntry<'_>, at: UnixMicros) -> Value {
    let priced = |rates: &[RateEntry]| -> Map<String, Value> {
        let member = |entry: &RateEntry| {
            let per = entry.rate.per().to_string();
            (entry.key.to_string(), json!({ "usd": usd(entry.rate), "per": per }))
        };
        rates.iter().map(member).collect()
    };
    let sheet = |sheet: &SheetEntry| {
        let tier = |tier: &TierEntry| json!({ "above": tier.above, "rates": priced(&tier.rates) });
        json!({
            "source": sheet.source.as_ref().map(|source| source.to_string()),
            "layer": sheet.kind,
            "from": sheet.from.map(|at| at.to_string()),
            "to": sheet.to.map(|at| at.to_string()),
            "daily": sheet.daily_us.map(daily),
            "when": sheet.when,
            "rates": priced(&sheet.rates),
            "tiers": sheet.tiers.iter().map(tier).collect::<Vec<_>>(),
        })
    };
    json!({
        "provider": model.provider_id(),
        "model": model.id(),
        "price_version": book.version(),
        "at": at.to_string(),
        "rates": rates(&model.rates_at(at, &PriceContext::NONE, 0)),
        "sheets": model.sheets().iter().map(sheet).collect::<Vec<_>>(),
        "context_tokens": model.limits().context_tokens,
        "output_tokens": model.limits().output_tokens,
        "retires": model.life().retires.map(|at| at.to_string()),
        "replacement": model.life().replacement,
    })
}
