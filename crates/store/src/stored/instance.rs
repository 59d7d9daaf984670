//! The installation's own secrets, over any engine.

use std::sync::Arc;

use async_trait::async_trait;

use crate::engine::{Engine, Link};
use crate::rows::{self, Columns};
use crate::token::random_bytes;
use crate::{Instance, InstanceSecret, StoreError};

/// The statements of the installation itself.
#[async_trait]
pub(crate) trait InstanceSql: Engine {
    /// The secret of a name.
    async fn secret_of_name(
        link: &mut Link<Self>,
        name: &str,
    ) -> Result<Option<InstanceSecret>, StoreError>;

    /// Keeps these bytes under a name, unless there are some.
    async fn insert_secret(
        link: &mut Link<Self>,
        name: &str,
        bytes: [u8; 32],
        now_us: i64,
    ) -> Result<(), StoreError>;

    /// A statement that does nothing.
    async fn ping(link: &mut Link<Self>) -> Result<(), StoreError>;
}

/// [`Instance`] over one database.
#[derive(Debug)]
pub(super) struct StoredInstance<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: InstanceSql> Instance for StoredInstance<E> {
    async fn secret(&self, name: &str) -> Result<InstanceSecret, StoreError> {
        if let Some(secret) = E::secret_of_name(&mut *self.0.reader().await?, name).await? {
            return Ok(secret);
        }
        let mut transaction = self.0.begin().await?;
        // Whoever comes first decides; everyone reads back what is there.
        let now_us = self.0.now().get();
        E::insert_secret(&mut transaction, name, random_bytes()?, now_us).await?;
        let secret = E::secret_of_name(&mut transaction, name).await?;
        E::commit(transaction).await?;
        secret.ok_or_else(|| StoreError::NotFound { what: "secret", id: name.to_owned() })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        E::ping(&mut *self.0.reader().await?).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// A secret from its row.
pub(crate) fn secret(row: &impl Columns) -> Result<InstanceSecret, StoreError> {
    rows::hash(row, "secret").map(InstanceSecret::new)
}
