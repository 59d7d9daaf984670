//! What the aggregates need of a database engine besides their own statements: connections,
//! transactions, time, and who is told of changes. It must never know an aggregate.

use std::fmt;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Database, Transaction};
use tokio::sync::watch;
use units::UnixMicros;

use crate::StoreError;

/// An open connection of an engine, within a transaction or not.
pub(crate) type Link<E> = <<E as Engine>::Driver as Database>::Connection;

/// One database of either kind. The flow of every aggregate is written once over this (`stored/`); the
/// statements of each are a trait that each engine implements in a file of its own.
#[async_trait]
pub(crate) trait Engine: fmt::Debug + Send + Sync + 'static {
    /// The engine as `sqlx` knows it.
    type Driver: Database;

    /// The present.
    fn now(&self) -> UnixMicros;

    /// A connection for single statements that only read.
    async fn reader(&self) -> Result<PoolConnection<Self::Driver>, StoreError>;

    /// A transaction that only reads, and reads one state of the database throughout.
    async fn view(&self) -> Result<Transaction<'static, Self::Driver>, StoreError>;

    /// A transaction that may write.
    async fn begin(&self) -> Result<Transaction<'static, Self::Driver>, StoreError>;

    /// Ends a transaction, keeping what it wrote.
    async fn commit(transaction: Transaction<'static, Self::Driver>) -> Result<(), StoreError>;

    /// The revision of what a gateway's snapshot is compiled from.
    async fn revision(link: &mut Link<Self>) -> Result<u64, StoreError>;

    /// Told the revision after every write of this process to keys or organisations.
    fn changes(&self) -> &watch::Sender<u64>;

    /// Waits for calls under way and closes every connection.
    async fn close(&self);
}

/// Commits a write to keys or organisations and tells whoever waits for such.
pub(crate) async fn commit_policy<E: Engine>(
    engine: &E,
    mut transaction: Transaction<'static, E::Driver>,
) -> Result<(), StoreError> {
    let revision = E::revision(&mut transaction).await?;
    E::commit(transaction).await?;
    // Two commits may get here in the other order: the number told never falls.
    engine.changes().send_if_modified(|known| {
        let newer = revision > *known;
        *known = revision.max(*known);
        newer
    });
    Ok(())
}
