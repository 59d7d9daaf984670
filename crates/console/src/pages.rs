//! One file per page: what it asks the ledger for and how its template's figures are made. Pages
//! must never know SQL or where sessions are kept.

pub(crate) mod alerts;
pub(crate) mod budgets;
pub(crate) mod docs;
pub(crate) mod explore;
pub(crate) mod health;
pub(crate) mod keys;
mod layout;
pub(crate) mod login;
pub(crate) mod overview;
pub(crate) mod prices;
pub(crate) mod problem;
pub(crate) mod request;
pub(crate) mod requests;
pub(crate) mod statement;
pub(crate) mod statements;
pub(crate) mod terms;

use askama::Template;
use axum::extract::{FromRequestParts, Query};
use axum::response::Html;

use crate::error::ConsoleError;

/// The query of a page, parsed into its type or refused with the reason.
#[derive(Debug, FromRequestParts)]
#[from_request(via(Query), rejection(ConsoleError))]
pub(crate) struct Asked<Q>(pub(crate) Q);

fn rendered(page: &impl Template) -> Result<Html<String>, ConsoleError> {
    Ok(Html(page.render()?))
}
