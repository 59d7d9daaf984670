//! `tollgate price set`: the price of a model, from an instant on, in a layer of the operator's.

use std::path::Path;

use pricing::{LayerKind, PriceBook, PriceContext, PriceKey};
use serde_json::json;
use store::NewPriceLayer;

use super::book::block_on;
use super::change::{Change, list_book};
use super::diff::{HEADER, differences};
use super::set_rate::{self, SetRate};
use super::set_text::{self, Sheet};
use crate::cli::{Output, PriceSetArgs};
use crate::commands::config::load;
use crate::commands::key::open;
use crate::failure::CommandError;
use crate::prices::{Laid, SET};
use crate::print;

/// Runs the command.
pub(super) fn run(arguments: &PriceSetArgs, path: &Path) -> Result<(), CommandError> {
    let rates = arguments.rates.iter().map(|text| text.parse::<SetRate>());
    let rates = rates.collect::<Result<Vec<_>, _>>().map_err(CommandError::Usage)?;
    let config = load(path)?;
    block_on(async {
        let store = open(&config).await?;
        let laid = Laid::read(&config, &store).await?;
        let before = list_book(&laid)?;
        let sheet = sheet(&before, arguments, &rates)?;
        let known = laid.stored(LayerKind::Operator, SET).map(|kept| kept.layer.text.as_str());
        let text = set_text::with(known, &sheet).map_err(CommandError::Usage)?;
        let layer = NewPriceLayer {
            kind: LayerKind::Operator,
            name: SET.to_owned(),
            source_version: None,
            text,
        };
        let change = Change::of(&laid, layer)?;
        let shown = differences(&before, &change.book, arguments.from);
        let version = change.book.version().to_owned();
        let told = json!({
            "provider": sheet.provider, "model": sheet.model, "from": sheet.from,
            "rates": arguments.rates, "price_version": version,
        });
        let is_new = !arguments.dry_run && change.record(&store, "price.set", told).await?;
        store.close().await;
        print::rows(HEADER, &shown, Output::Table)?;
        print::line(&match (arguments.dry_run, is_new) {
            (true, _) => format!("would give price book {version}; nothing was changed"),
            (false, true) => format!("price book {version} in force"),
            (false, false) => format!("price book {version} was in force already"),
        })
    })
}

/// The prices from then on: what is set, and of the rest what is in force.
fn sheet(
    book: &PriceBook,
    arguments: &PriceSetArgs,
    set: &[SetRate],
) -> Result<Sheet, CommandError> {
    let twice =
        set.iter().enumerate().find(|(at, rate)| set[..*at].iter().any(|r| r.key == rate.key));
    if let Some((_, rate)) = twice {
        return Err(CommandError::Usage(format!("`{}` is set twice: keep one", rate.key)));
    }
    let asked = arguments.model.trim();
    let found = book.resolve_at(&arguments.provider, asked, arguments.from);
    let model = book.model(&arguments.provider, asked);
    let mut rates: Vec<(PriceKey, String)> =
        set.iter().map(|rate| (rate.key, rate.price.clone())).collect();
    if let Some(model) = &model {
        for kept in model.rates_at(arguments.from, &PriceContext::NONE, 0) {
            if rates.iter().any(|(key, _)| *key == kept.key) {
                continue;
            }
            let price = set_rate::of(kept.key, kept.rate).map_err(CommandError::Usage)?;
            rates.push((kept.key, price));
        }
        warn(model, arguments);
    }
    rates.sort_by_key(|(key, _)| *key);
    let provider = book.provider_named(&arguments.provider).unwrap_or(&arguments.provider);
    let id = found.map_or_else(|| asked.to_owned(), |found| found.model_id.to_owned());
    // Another provider's model, sold by this one: it needs a rule of its own for the name asked for.
    let is_resold = found.is_some_and(|found| found.owner_id != found.provider_id);
    Ok(Sheet {
        provider: provider.to_lowercase(),
        names: (is_resold && !id.eq_ignore_ascii_case(asked)).then(|| asked.to_owned()),
        model: id,
        from: arguments.from.to_string(),
        rates,
    })
}

/// Says what a single price cannot: prices of longer prompts and of hours of the day are left out.
fn warn(model: &pricing::ModelEntry<'_>, arguments: &PriceSetArgs) {
    let at = arguments.from;
    let sheets = model.sheets();
    let mut dated = sheets.iter().filter(|s| s.when.is_empty() && super::show::is_dated_for(s, at));
    if dated.any(|sheet| !sheet.tiers.is_empty() || sheet.daily_us.is_some()) {
        eprintln!(
            "tollgate: {} has other prices for longer prompts or by the hour; from {at} on one price \
             holds for all (a price file can say more: `tollgate price import tollgate FILE`)",
            model.id()
        );
    }
}
