//! `tollgate config check|schema|show`, and how every command reads its configuration.

use std::path::Path;

use crate::cli::ConfigCommand;
use crate::config::{Config, Environment, KnownProvider, json_schema};
use crate::failure::CommandError;
use crate::{print, schemas, service};

/// Reads a configuration as every command does.
pub fn load(path: &Path) -> Result<Config, CommandError> {
    let known = known_providers()?;
    Ok(Config::load(path, &Environment::of_process(), &known).map_err(Box::new)?)
}

/// What the provider table tells of a provider by its name.
pub fn known_providers() -> Result<Vec<KnownProvider<'static>>, CommandError> {
    let table = dialects::provider_table()
        .map_err(|error| CommandError::Usage(format!("provider table: {error}")))?;
    let known = table.iter().map(|row| KnownProvider {
        name: &row.id,
        dialect: row.dialect,
        base_url: &row.base_url,
        prices: &row.id,
    });
    Ok(known.collect())
}

/// Runs the command.
pub fn run(command: &ConfigCommand, path: &Path) -> Result<(), CommandError> {
    match command {
        ConfigCommand::Check => {
            let config = load(path)?;
            config.resolve_secrets(&Environment::of_process())?;
            let prices = service::prices(&config)?;
            print::line(&format!(
                "{}: ok ({} providers, {} routes, {} budgets, prices {})",
                path.display(),
                config.providers.len(),
                config.routes.len(),
                config.budgets.len(),
                prices.version(),
            ))
        }
        ConfigCommand::Schema { all: Some(directory) } => schemas::write(directory)
            .map_err(CommandError::system(format!("cannot write {}", directory.display()))),
        ConfigCommand::Schema { all: None } => {
            let schema = serde_json::to_string_pretty(&json_schema());
            print::line(&schema.unwrap_or_default())
        }
        ConfigCommand::Show => {
            let shown = load(path)?.show();
            print::text(&shown.map_err(|error| CommandError::Usage(error.to_string()))?)
        }
    }
}
