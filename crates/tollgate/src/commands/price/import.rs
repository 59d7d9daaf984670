//! `tollgate price import`: prices of a public catalog, or a price file as it is.

use std::path::Path;

use pricing::LayerKind;
use pricing::import::{Catalog, CatalogFormat, Imported, import};
use serde_json::json;
use store::NewPriceLayer;
use units::{Clock, SystemClock, UnixMicros};

use super::book::block_on;
use super::change::Change;
use super::diff::{HEADER, differences};
use super::read;
use crate::cli::{ImportFormat, Output, PriceImportArgs, TakenAs};
use crate::commands::config::load;
use crate::commands::key::open;
use crate::failure::CommandError;
use crate::prices::{self, Laid};
use crate::print;

/// Things left out that are named one by one; the rest is counted.
const SKIPS_SHOWN_MAX: usize = 20;

/// Runs the command.
pub(super) fn run(arguments: &PriceImportArgs, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    block_on(async {
        let text = read::text(&arguments.file).await?;
        let store = open(&config).await?;
        let laid = Laid::read(&config, &store).await?;
        let now = SystemClock.now();
        let (layer, imported) = taken(arguments, &laid, &text, now)?;
        let before = prices::compose(&laid.layers())?;
        let change = Change::of(&laid, layer)?;
        let shown = differences(&before, &change.book, now);
        let version = change.book.version().to_owned();
        let told = json!({
            "file": arguments.file, "source_version": arguments.source_version,
            "added": imported.added, "changed": imported.changed, "price_version": version,
        });
        let is_new = !arguments.dry_run && change.record(&store, "price.import", told).await?;
        store.close().await;
        print::rows(HEADER, &shown, arguments.output)?;
        skipped(&imported);
        let end = match (arguments.dry_run, is_new) {
            (true, _) => format!("would give price book {version}; nothing was changed"),
            (false, true) => format!("price book {version} in force"),
            (false, false) => format!("price book {version} was in force already"),
        };
        told_at_the_end(arguments, &imported, &end)
    })
}

/// The layer an import makes, and what it says of itself.
fn taken(
    arguments: &PriceImportArgs,
    laid: &Laid,
    text: &str,
    now: UnixMicros,
) -> Result<(NewPriceLayer, Imported), CommandError> {
    let format = match arguments.format {
        ImportFormat::Litellm => CatalogFormat::Litellm,
        ImportFormat::ModelsDev => CatalogFormat::ModelsDev,
        ImportFormat::Openrouter => CatalogFormat::Openrouter,
        ImportFormat::Tollgate => CatalogFormat::Tollgate,
    };
    let (kind, name) = match (format, arguments.taken_as) {
        (CatalogFormat::Tollgate, TakenAs::Operator) => (LayerKind::Operator, own_name(arguments)?),
        (CatalogFormat::Tollgate, TakenAs::Contract) => (LayerKind::Contract, own_name(arguments)?),
        (_, TakenAs::Contract) => {
            let why = "a public catalog is no contract: --as is for price files (format tollgate)";
            return Err(CommandError::Usage(why.to_owned()));
        }
        (catalog, TakenAs::Operator) => (LayerKind::Imported, catalog.as_str().to_owned()),
    };
    let previous = laid.stored(kind, &name).map(|kept| kept.layer.text.as_str());
    let catalog = Catalog { format, text, name: &arguments.file };
    let imported = import(&catalog, &pricing::PriceBook::embedded()?, previous, now)?;
    let layer = NewPriceLayer {
        kind,
        name,
        source_version: arguments.source_version.clone(),
        text: imported.layer_json.clone(),
    };
    Ok((layer, imported))
}

/// What a price file is known by.
fn own_name(arguments: &PriceImportArgs) -> Result<String, CommandError> {
    let of_file = || {
        let name = Path::new(&arguments.file).file_name().and_then(|name| name.to_str());
        name.filter(|name| *name != "-").map(str::to_owned)
    };
    let name = arguments.name.clone().or_else(of_file).filter(|name| !name.trim().is_empty());
    match name {
        Some(name) if name == prices::SET => Err(CommandError::Usage(format!(
            "`{name}` is what `price set` writes: use another --name"
        ))),
        Some(name) => Ok(name),
        None => Err(CommandError::Usage("say with --name what the file is known by".to_owned())),
    }
}

/// What was not carried over, on standard error.
fn skipped(imported: &Imported) {
    for skip in imported.skipped.iter().take(SKIPS_SHOWN_MAX) {
        eprintln!("tollgate: left out {}: {}", skip.what, skip.why);
    }
    if imported.skipped.len() > SKIPS_SHOWN_MAX {
        eprintln!("tollgate: left out {} more", imported.skipped.len() - SKIPS_SHOWN_MAX);
    }
}

/// Sums, where they do not disturb rows that another program reads.
fn told_at_the_end(
    arguments: &PriceImportArgs,
    imported: &Imported,
    end: &str,
) -> Result<(), CommandError> {
    let Imported { added, changed, unchanged, skipped, .. } = imported;
    let skipped = skipped.len();
    let text = format!(
        "{added} models added, {changed} changed, {unchanged} as they were, {skipped} left out; {end}"
    );
    match arguments.output {
        Output::Table => print::line(&text),
        _ => {
            eprintln!("tollgate: {text}");
            Ok(())
        }
    }
}
