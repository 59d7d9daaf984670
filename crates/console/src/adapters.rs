//! The console's sources as the product has them: the lake for figures, the store for access. Thin,
//! so that pages need neither to be tested.

mod alerts;
mod explore;
mod lake;
mod prices;
mod requests;
mod store;

pub use self::alerts::{Channels, StoreAlerts};
pub use self::explore::LakeExplorer;
pub use self::lake::LakeLedger;
pub use self::prices::LakePrices;
pub use self::requests::{LakeRequests, Prices};
pub use self::store::StoreAccess;
