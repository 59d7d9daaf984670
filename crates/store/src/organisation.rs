//! Organisations: who is billed, and in which time zone their months are cut.
//!
//! It must never know what they spend.

use std::fmt;

use async_trait::async_trait;
use units::{BillingZone, Label, Slug};

use crate::{Actor, StoreError};

/// An organisation. The slug never changes: history is keyed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Immutable name in the lake.
    pub slug: Slug,
    /// Name people read.
    pub name: Label,
    /// Zone its billing periods and budget windows are cut in.
    pub zone: BillingZone,
}

/// The organisations of an installation.
#[async_trait]
pub trait Organisations: Send + Sync + fmt::Debug {
    /// Creates the organisation, or changes name and zone of the one with this slug. Writing what is
    /// already there changes nothing, so that start-up may repeat it.
    async fn put(&self, organisation: &Organisation, by: &Actor) -> Result<(), StoreError>;

    /// The organisation of a slug.
    async fn find(&self, slug: &Slug) -> Result<Option<Organisation>, StoreError>;

    /// Every organisation, by slug.
    async fn list(&self) -> Result<Vec<Organisation>, StoreError>;
}
