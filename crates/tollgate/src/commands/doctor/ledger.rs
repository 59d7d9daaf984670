//! The database and the lake.

use std::sync::Arc;

use lake::{Lake, LakeOptions};
use store::Store;
use units::SystemClock;

use super::Finding;
use crate::config::{Config, Environment};
use crate::service;

/// Opens both; a database is migrated as a start would.
pub(super) async fn check(config: &Config, environment: &Environment) -> Vec<Finding> {
    vec![database(config, environment).await, lake(config).await]
}

async fn database(config: &Config, environment: &Environment) -> Finding {
    let what = "database";
    let options = match service::store_options(config, environment) {
        Ok(options) => options,
        Err(error) => {
            return Finding::failed(what, error.to_string(), "set what storage.database refers to");
        }
    };
    let engine = options.url.split(':').next().unwrap_or_default().to_owned();
    match Store::open_with(&options, Arc::new(SystemClock)).await {
        Ok(store) => {
            let answered = store.ping().await;
            store.close().await;
            match answered {
                Ok(()) => Finding::fine(what, format!("{engine} answers; its schema is current")),
                Err(error) => Finding::failed(what, error.to_string(), "look at its own log"),
            }
        }
        Err(error) => Finding::failed(
            what,
            error.to_string(),
            "check storage.database, and that the server runs and lets this user in",
        ),
    }
}

async fn lake(config: &Config) -> Finding {
    let directory = config.storage.lake_dir();
    let shown = directory.display().to_string();
    let opened = Lake::open(LakeOptions::new(directory), Arc::new(SystemClock)).await;
    match opened {
        Ok(_) => Finding::fine("lake", format!("{shown} holds a usable table")),
        Err(error) => {
            let remedy = "check storage.lake_dir; a table another version made needs that version";
            Finding::failed("lake", format!("{shown}: {error}"), remedy)
        }
    }
}
