//! Which book a command prices by: the newest of the installation, one of its versions, or the catalog.
//!
//! A question about prices must not make a database: where there is none, the file and the catalog are
//! all there is.

use std::path::Path;
use std::sync::Arc;

use pricing::PriceBook;
use store::Store;
use units::SystemClock;

use crate::commands::config::load;
use crate::config::{Config, Database, Environment};
use crate::failure::CommandError;
use crate::prices::{self, Laid};
use crate::service;

/// The file every command reads unless told another.
const DEFAULT_CONFIG: &str = "tollgate.toml";

/// The configuration of a path; `None` when nobody wrote the one looked for by default.
pub(super) fn config(path: &Path) -> Result<Option<Config>, CommandError> {
    if path == Path::new(DEFAULT_CONFIG) && !path.exists() {
        return Ok(None);
    }
    load(path).map(Some)
}

/// Runs something that waits.
pub(in crate::commands) fn block_on<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?
        .block_on(work)
}

/// The book in force, or that of a version.
pub(super) fn book(path: &Path, version: Option<&str>) -> Result<PriceBook, CommandError> {
    let config = config(path)?;
    let Some(config) = &config else {
        let book = PriceBook::embedded()?;
        return match version {
            Some(version) if version != book.version() => Err(unknown(version)),
            _ => Ok(book),
        };
    };
    block_on(async {
        let store = existing_store(config).await;
        let book = of_store(config, store.as_ref(), version).await;
        if let Some(store) = store {
            store.close().await;
        }
        book
    })
}

/// The book in force over a store, or that of a version.
pub(in crate::commands) async fn of_store(
    config: &Config,
    store: Option<&Store>,
    version: Option<&str>,
) -> Result<PriceBook, CommandError> {
    let laid = match store {
        Some(store) => Laid::read(config, store).await?,
        None => Laid { file: prices::file(config)?, ..Laid::default() },
    };
    let newest = prices::compose(&laid.layers());
    let Some(version) = version else { return Ok(newest?) };
    if let Ok(newest) = newest
        && newest.version() == version
    {
        return Ok(newest);
    }
    let recorded = match store {
        Some(store) => prices::at(store, version).await?,
        None => None,
    };
    recorded.ok_or_else(|| unknown(version))
}

fn unknown(version: &str) -> CommandError {
    CommandError::Usage(format!(
        "there is no price book `{version}`: `tollgate price versions` lists those there are"
    ))
}

/// The database of a configuration if there is one and it can be had; else says what applies instead.
pub(in crate::commands) async fn existing_store(config: &Config) -> Option<Store> {
    let file = match &config.storage.database {
        Database::InDataDir => Some(config.storage.data_dir.join("tollgate.db")),
        Database::Sqlite(path) => Some(path.clone()),
        _ => None,
    };
    if file.is_some_and(|file| !file.exists()) {
        return None;
    }
    let options = service::store_options(config, &Environment::of_process());
    let opened = match options {
        Ok(options) => Store::open_with(&options, Arc::new(SystemClock)).await,
        Err(error) => {
            eprintln!("tollgate: prices of the database are left out: {error}");
            return None;
        }
    };
    opened.map_err(|error| eprintln!("tollgate: prices of the database are left out: {error}")).ok()
}
