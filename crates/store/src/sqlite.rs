//! The SQLite implementation: one file per aggregate, over one [`database::Database`].
//!
//! It must never be named outside this crate: callers hold the traits.

mod audit;
mod database;
mod instance;
mod keys;
mod login_links;
mod organisations;
mod rows;
mod sessions;

use std::path::PathBuf;
use std::sync::Arc;

use units::Clock;

use crate::{Store, StoreError, StoreOptions};
use database::Database;

/// Opens the file and hands out every aggregate over it.
pub(crate) async fn open(
    path: PathBuf,
    options: &StoreOptions,
    clock: Arc<dyn Clock>,
) -> Result<Store, StoreError> {
    let db = match Database::open(&path, options.busy_timeout, clock).await {
        Ok(db) => Arc::new(db),
        Err(problem) => return Err(StoreError::Open { path, problem: Box::new(problem) }),
    };
    Ok(Store {
        organisations: Arc::new(organisations::SqliteOrganisations::new(Arc::clone(&db))),
        keys: Arc::new(keys::SqliteKeys::new(Arc::clone(&db))),
        login_links: Arc::new(login_links::SqliteLoginLinks::new(
            Arc::clone(&db),
            options.login_link_lifetime_us,
        )),
        sessions: Arc::new(sessions::SqliteSessions::new(
            Arc::clone(&db),
            options.session_lifetime_us,
        )),
        audit: Arc::new(audit::SqliteAudit::new(Arc::clone(&db))),
        instance: Arc::new(instance::SqliteInstance::new(db)),
    })
}
