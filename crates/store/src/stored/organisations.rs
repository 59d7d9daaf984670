//! Organisations over any engine.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use units::{BillingZone, Label, Slug, UnixMicros};

use super::audit::{self, AuditSql};
use crate::engine::{Engine, Link, commit_policy};
use crate::rows::{self, Columns};
use crate::{Actor, NewAudit, Organisation, Organisations, StoreError};

/// The statements of organisations.
#[async_trait]
pub(crate) trait OrganisationSql: Engine {
    /// The organisation of a slug; nobody else changes it before this transaction ends.
    async fn locked_organisation(
        link: &mut Link<Self>,
        slug: &Slug,
    ) -> Result<Option<Organisation>, StoreError>;

    /// The organisation of a slug.
    async fn organisation_of_slug(
        link: &mut Link<Self>,
        slug: &Slug,
    ) -> Result<Option<Organisation>, StoreError>;

    /// Every organisation, by slug.
    async fn organisations(link: &mut Link<Self>) -> Result<Vec<Organisation>, StoreError>;

    /// Adds it, or changes name and zone of the one with its slug.
    async fn put_organisation(
        link: &mut Link<Self>,
        organisation: &Organisation,
        now: UnixMicros,
    ) -> Result<(), StoreError>;
}

/// [`Organisations`] over one database.
#[derive(Debug)]
pub(super) struct StoredOrganisations<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: OrganisationSql + AuditSql> Organisations for StoredOrganisations<E> {
    async fn put(&self, organisation: &Organisation, by: &Actor) -> Result<(), StoreError> {
        let now = self.0.now();
        let mut transaction = self.0.begin().await?;
        let before = E::locked_organisation(&mut transaction, &organisation.slug).await?;
        if before.as_ref() == Some(organisation) {
            return E::commit(transaction).await;
        }
        E::put_organisation(&mut transaction, organisation, now).await?;
        let entry = NewAudit {
            before: before.as_ref().map_or(Value::Null, described),
            after: described(organisation),
            ..NewAudit::new(by, "organisation.put", &organisation.slug)
        };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        commit_policy(&*self.0, transaction).await
    }

    async fn find(&self, slug: &Slug) -> Result<Option<Organisation>, StoreError> {
        E::organisation_of_slug(&mut *self.0.reader().await?, slug).await
    }

    async fn list(&self) -> Result<Vec<Organisation>, StoreError> {
        E::organisations(&mut *self.0.reader().await?).await
    }
}

/// An organisation from its row.
pub(crate) fn organisation(row: &impl Columns) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        slug: rows::parsed(row, "slug", Slug::try_from)?,
        name: rows::parsed(row, "name", Label::try_from)?,
        zone: rows::parsed(row, "zone", |name| BillingZone::named(&name))?,
    })
}

fn described(organisation: &Organisation) -> Value {
    json!({ "name": organisation.name, "zone": organisation.zone.name() })
}
