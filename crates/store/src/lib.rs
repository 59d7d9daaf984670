//! The transactional store: organisations, keys, login links, sessions, the books of budgets, incidents,
//! the outbox, prices, audit. All transactional SQL of the product lives here, for SQLite and for PostgreSQL.
//!
//! An aggregate is a trait at the top of the crate; `stored` says once what each call does; `sqlite` and
//! `postgres` hold its statements, one file per aggregate and engine. Both must give the same answers:
//! every test runs on both.
//!
//! This crate must never know HTTP, Parquet, or how a gateway decides. Secrets come in as text, are
//! hashed, and only their hashes are kept.

mod actor;
mod address;
mod audit;
mod delivery;
mod engine;
mod error;
mod incident;
mod instance;
mod key;
mod lease;
mod login;
mod open;
mod organisation;
mod postgres;
mod prices;
mod role;
mod rows;
mod session;
mod sqlite;
mod stored;
mod token;

pub use actor::Actor;
pub use address::shown_address;
pub use audit::{Audit, AuditEntry, AuditVerdict, NewAudit};
pub use delivery::{
    DELIVERY_ERROR_CHARS, Delivery, DeliveryFilter, DeliveryKind, DeliveryState, Failure,
    NewDelivery, Outbox, OutboxStats,
};
pub use error::StoreError;
pub use incident::{
    Attention, Change, Incident, IncidentFilter, Incidents, NewIncident, PAGE_MAX, Severity,
};
pub use instance::{Instance, InstanceSecret};
pub use key::{ClientField, Key, KeyAccess, KeyFilter, KeyOwner, KeySnapshot, Keys, NewKey};
pub use lease::{Decide, Leases};
pub use login::{LOGIN_LINK_LIFETIME_US, Login, LoginLinks};
pub use open::{Store, StoreOptions};
pub use organisation::{Organisation, Organisations};
pub use prices::{
    NewPriceBook, NewPriceLayer, PriceChange, PriceLayer, PriceLayerName, PriceVersion, Prices,
    PricesInForce,
};
pub use role::Role;
pub use session::{SESSION_LIFETIME_US, Session, Sessions};
pub use token::SecretHash;
