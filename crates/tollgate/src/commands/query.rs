//! `tollgate query`: SQL over the usage table.

use std::path::Path;
use std::sync::Arc;

use lake::{Lake, LakeOptions, Rendering};
use units::SystemClock;

use crate::cli::{Output, QueryArgs};
use crate::commands::config::load;
use crate::failure::CommandError;
use crate::print;

/// Runs the statement and prints its rows.
pub fn run(arguments: &QueryArgs, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    let rendering = match arguments.output {
        Output::Table => Rendering::Table,
        Output::Json => Rendering::Json,
        Output::Csv => Rendering::Csv,
    };
    let result = with_lake(&config, async |lake| Ok(lake.sql(&arguments.sql).await?))?;
    if result.is_truncated {
        eprintln!("tollgate: more rows than shown; narrow the query or use `tollgate export`");
    }
    print::text(&result.render(rendering)?)
}

/// Runs something on the lake of a configuration.
pub fn with_lake<T>(
    config: &crate::config::Config,
    work: impl AsyncFnOnce(&Lake) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?;
    runtime.block_on(async {
        let options = LakeOptions::new(config.storage.lake_dir());
        let lake = Lake::open(options, Arc::new(SystemClock)).await?;
        work(&lake).await
    })
}
