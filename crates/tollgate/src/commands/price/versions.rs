//! `tollgate price versions`: the price books there were.

use std::path::Path;

use store::PriceVersion;

use super::book::{self, block_on};
use crate::cli::{Output, PriceVersionsArgs};
use crate::commands::config::load;
use crate::failure::CommandError;
use crate::print;

/// Runs the command.
pub(super) fn run(arguments: &PriceVersionsArgs, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    let versions = block_on(async {
        let Some(store) = book::existing_store(&config).await else { return Ok(Vec::new()) };
        let versions = store.prices().versions(arguments.limit).await;
        store.close().await;
        Ok(versions?)
    })?;
    if arguments.output == Output::Json {
        return print::line(&serde_json::to_string_pretty(&versions).unwrap_or_default());
    }
    let rows: Vec<[String; 4]> = versions.iter().map(row).collect();
    print::rows(["version", "recorded", "by", "layers"], &rows, arguments.output)
}

fn row(version: &PriceVersion) -> [String; 4] {
    let layer = |layer: &store::PriceLayerName| match &layer.source_version {
        Some(source) => format!("{} {source} ({})", layer.name, layer.kind),
        None => format!("{} ({})", layer.name, layer.kind),
    };
    let layers: Vec<String> = version.layers.iter().map(layer).collect();
    [
        version.version.clone(),
        version.recorded_at.to_string(),
        version.recorded_by.clone(),
        layers.join(", "),
    ]
}
