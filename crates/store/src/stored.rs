//! Every aggregate over any engine: what happens, in which order, and what the audit log is told. The
//! statements themselves are the engine's.
//!
//! It must never hold SQL.

mod audit;
mod incidents;
mod instance;
mod keys;
mod leases;
mod login_links;
mod organisations;
mod outbox;
mod prices;
mod sessions;

pub(crate) use audit::{AuditSql, entry};
pub(crate) use incidents::{IncidentSql, incident};
pub(crate) use instance::{InstanceSql, secret};
pub(crate) use keys::{KeySql, key};
pub(crate) use leases::{LeaseSql, WindowKey, gather, state};
pub(crate) use login_links::{LoginLinkSql, login};
pub(crate) use organisations::{OrganisationSql, organisation};
pub(crate) use outbox::{OutboxSql, Settled, delivery, stats};
pub(crate) use prices::{PriceSql, layer_name, price_layer, price_version};
pub(crate) use sessions::{SessionSql, session};

use std::sync::Arc;

use crate::{Store, StoreOptions};

/// Hands out every aggregate over an open database.
pub(crate) fn store<E>(db: Arc<E>, options: &StoreOptions) -> Store
where
    E: AuditSql
        + IncidentSql
        + InstanceSql
        + KeySql
        + LeaseSql
        + LoginLinkSql
        + OrganisationSql
        + OutboxSql
        + PriceSql
        + SessionSql,
{
    let (link_us, session_us) = (options.login_link_lifetime_us, options.session_lifetime_us);
    Store {
        organisations: Arc::new(organisations::StoredOrganisations(Arc::clone(&db))),
        keys: Arc::new(keys::StoredKeys(Arc::clone(&db))),
        login_links: Arc::new(login_links::StoredLoginLinks::new(Arc::clone(&db), link_us)),
        sessions: Arc::new(sessions::StoredSessions::new(Arc::clone(&db), session_us)),
        leases: Arc::new(leases::StoredLeases(Arc::clone(&db))),
        incidents: Arc::new(incidents::StoredIncidents(Arc::clone(&db))),
        outbox: Arc::new(outbox::StoredOutbox(Arc::clone(&db))),
        prices: Arc::new(prices::StoredPrices(Arc::clone(&db))),
        audit: Arc::new(audit::StoredAudit(Arc::clone(&db))),
        instance: Arc::new(instance::StoredInstance(db)),
    }
}
