//! Virtual keys: who has one, what it may do, until when. Forms are in `form`, changes in `change`.

pub(crate) mod change;
pub(crate) mod form;
mod row;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Html;
use serde::Deserialize;
use units::{KeyId, Slug};

use super::layout::{Layout, Section};
use super::{Asked, rendered};
use crate::ConsoleState;
use crate::access::Session;
use crate::desk::{Entry, KeysAsked};
use crate::error::ConsoleError;
use crate::permission::Permission;
use crate::session::SignedIn;
use row::KeyRow;

/// Keys on one page.
const KEYS_MAX: u32 = 100;

/// What may be asked of the list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct KeysQuery {
    /// Of this team only.
    #[serde(default)]
    team: String,
    /// Also those that no longer work.
    #[serde(default)]
    inactive: String,
    /// Those after this one.
    after: Option<KeyId>,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    layout: Layout,
    rows: Vec<KeyRow>,
    filter: Filter,
    /// Where the next page is.
    next: Option<String>,
    may_write: bool,
}

/// What the list was restricted to.
struct Filter {
    team: String,
    teams: Vec<String>,
    with_inactive: bool,
    is_any: bool,
}

#[derive(Template)]
#[template(path = "key.html")]
struct KeyPage {
    layout: Layout,
    key: KeyRow,
    csrf: String,
    may_write: bool,
    graces: &'static [change::Grace],
}

/// Lists keys.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<KeysQuery>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadKeys)?;
    let desk = state.desk()?;
    let team = query.team.trim();
    let team: Option<Slug> = if team.is_empty() {
        None
    } else {
        Some(team.parse().map_err(|_| ConsoleError::NotFound("team"))?)
    };
    let with_inactive = !query.inactive.is_empty();
    let asked =
        KeysAsked { team: team.clone(), include_inactive: with_inactive, after: query.after };
    let page = desk.keys(&session, &asked, KEYS_MAX).await?;
    let declared = desk.declared();
    let seen = declared.teams.iter().filter(|team| session.sees(Some(team.as_str())));
    let filter = Filter {
        teams: seen.map(ToString::to_string).collect(),
        is_any: team.is_some() || with_inactive || query.after.is_some(),
        team: team.map(String::from).unwrap_or_default(),
        with_inactive,
    };
    rendered(&KeysPage {
        layout: Layout::new(&state, &session, Section::Keys, "Keys".to_owned()),
        rows: KeyRow::all(&page.entries, &state),
        next: page.next.map(|id| filter.address(id)),
        filter,
        may_write: session.may(Permission::WriteKeys),
    })
}

impl Filter {
    /// Where the keys after one are, within the same restrictions.
    fn address(&self, after: KeyId) -> String {
        // Slugs and ids hold nothing that would need quoting in an address.
        let team =
            if self.team.is_empty() { String::new() } else { format!("&team={}", self.team) };
        let inactive = if self.with_inactive { "&inactive=yes" } else { "" };
        format!("/keys?after={after}{team}{inactive}")
    }
}

/// Shows one key and what can be done with it.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    path: Result<Path<KeyId>, PathRejection>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadKeys)?;
    let id = id_of(path)?;
    let entry = state.desk()?.key(&session, id).await?;
    page_of(&state, &session, &entry)
}

fn page_of(
    state: &ConsoleState,
    session: &Session,
    entry: &Entry,
) -> Result<Html<String>, ConsoleError> {
    let key = KeyRow::of(entry, state);
    let title = format!("Key {}", key.name);
    rendered(&KeyPage {
        layout: Layout::new(state, session, Section::Keys, title),
        csrf: session.csrf.expose().to_owned(),
        may_write: session.may(Permission::WriteKeys) && key.can_change,
        key,
        graces: change::Grace::ALL,
    })
}

/// The id an address names; what is no id names no key.
fn id_of(path: Result<Path<KeyId>, PathRejection>) -> Result<KeyId, ConsoleError> {
    path.map(|Path(id)| id).map_err(|_| ConsoleError::NotFound("key"))
}
