//! `tollgate export parquet`: the usage table as files any engine reads.

use std::path::Path;

use crate::cli::ExportCommand;
use crate::commands::config::load;
use crate::commands::query::with_lake;
use crate::failure::CommandError;
use crate::print;

/// Writes the files and says what is in them.
pub fn run(command: &ExportCommand, path: &Path) -> Result<(), CommandError> {
    let ExportCommand::Parquet(arguments) = command;
    if arguments.from > arguments.to {
        return Err(CommandError::Usage(format!(
            "--from {} lies after --to {}",
            arguments.from, arguments.to
        )));
    }
    let config = load(path)?;
    let manifest = with_lake(&config, async |lake| {
        let export = lake.export_parquet(arguments.from, arguments.to, &arguments.directory);
        Ok(export.await?)
    })?;
    print::line(&format!(
        "{} rows in {} files, {} USD, table version {}: {}",
        manifest.rows,
        manifest.files.len(),
        manifest.cost_usd,
        manifest.table_version,
        arguments.directory.join(lake::MANIFEST_NAME).display(),
    ))
}
