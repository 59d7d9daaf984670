//! `tollgate price unpriced`: the models requests were made to that have no price.

use std::path::Path;

use lake::{Lens, UnpricedUse, Window};
use units::UnixMicros;

use crate::cli::PriceUnpricedArgs;
use crate::commands::config::load;
use crate::commands::query::with_lake;
use crate::failure::CommandError;
use crate::print;

/// Runs the command.
pub(super) fn run(arguments: &PriceUnpricedArgs, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    let ever = Window { from: UnixMicros::new(0), to: UnixMicros::new(i64::MAX) };
    let lens = Lens::everything(ever);
    let unpriced = with_lake(&config, async |lake| Ok(lake.unpriced(&lens).await?))?;
    let rows: Vec<[String; 7]> = unpriced.iter().map(row).collect();
    let header = ["provider", "model", "requests", "tokens", "first", "last", "teams"];
    print::rows(header, &rows, arguments.output)
}

fn row(used: &UnpricedUse) -> [String; 7] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let teams: Vec<String> = used.teams.iter().map(or_dash).collect();
    [
        or_dash(&used.provider),
        or_dash(&used.model),
        used.requests.to_string(),
        used.tokens.to_string(),
        used.first_at.to_string(),
        used.last_at.to_string(),
        teams.join(" "),
    ]
}
