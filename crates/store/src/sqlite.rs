//! The SQLite statements: one file per aggregate, over one [`database::Database`].
//!
//! It must never be named outside this crate: callers hold the traits.

mod audit;
mod database;
mod incidents;
mod instance;
mod keys;
mod leases;
mod login_links;
mod organisations;
mod outbox;
mod prices;
mod sessions;

use std::path::Path;
use std::sync::Arc;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use units::Clock;

use crate::rows::Columns;
use crate::{Store, StoreError, StoreOptions, stored};
use database::Database;

/// Opens the file and hands out every aggregate over it.
pub(crate) async fn open(
    path: &Path,
    options: &StoreOptions,
    clock: Arc<dyn Clock>,
) -> Result<Store, StoreError> {
    match Database::open(path, options.busy_timeout, clock).await {
        Ok(db) => Ok(stored::store(Arc::new(db), options)),
        Err(problem) => {
            let (place, problem) = (path.display().to_string(), Box::new(problem));
            Err(StoreError::Open { place, problem })
        }
    }
}

impl Columns for SqliteRow {
    fn text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn integer(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        Ok(self.try_get(column)?)
    }
}
