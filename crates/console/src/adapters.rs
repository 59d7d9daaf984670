//! The console's sources as the product has them: the lake for figures, the store for access. Thin,
//! so that pages need neither to be tested.

mod lake;
mod store;

pub use self::lake::LakeLedger;
pub use self::store::StoreAccess;
