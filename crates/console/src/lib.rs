//! The ledger's web face: axum pages, login, statements and exports.
