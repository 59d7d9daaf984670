//! The transactional store: organisations, keys, login links, sessions, audit. All transactional SQL
//! of the product lives here, one trait per aggregate and one file per aggregate and engine.
//!
//! This crate must never know HTTP, Parquet, or how a gateway decides. Secrets come in as text, are
//! hashed, and only their hashes are kept.

mod actor;
mod audit;
mod error;
mod instance;
mod key;
mod login;
mod open;
mod organisation;
mod role;
mod session;
mod sqlite;
mod token;

pub use actor::Actor;
pub use audit::{Audit, AuditEntry, AuditVerdict, NewAudit};
pub use error::StoreError;
pub use instance::{Instance, InstanceSecret};
pub use key::{ClientField, Key, KeyAccess, KeyFilter, KeyOwner, KeySnapshot, Keys, NewKey};
pub use login::{LOGIN_LINK_LIFETIME_US, LoginLinks};
pub use open::{Store, StoreOptions};
pub use organisation::{Organisation, Organisations};
pub use role::Role;
pub use session::{SESSION_LIFETIME_US, Session, Sessions};
pub use token::SecretHash;
