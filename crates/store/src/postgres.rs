//! The PostgreSQL statements: one file per aggregate, over one [`database::Database`].
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

use std::sync::Arc;

use sqlx::Row;
use sqlx::postgres::PgRow;
use units::Clock;

use crate::address::Server;
use crate::rows::Columns;
use crate::{Store, StoreError, StoreOptions, stored};
use database::Database;

/// Connects to the server and hands out every aggregate over it.
pub(crate) async fn open(
    server: Server,
    options: &StoreOptions,
    clock: Arc<dyn Clock>,
) -> Result<Store, StoreError> {
    match Database::open(server.options, options, clock).await {
        Ok(db) => Ok(stored::store(Arc::new(db), options)),
        Err(problem) => Err(StoreError::Open { place: server.place, problem: Box::new(problem) }),
    }
}

impl Columns for PgRow {
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
