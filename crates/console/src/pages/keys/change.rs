//! Making, rotating and revoking keys. A secret is in the answer to the POST and nowhere else: no
//! address leads to it again.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use store::Key;
use units::{KeyId, Secret};

use super::form::{self, KeyForm};
use super::id_of;
use crate::ConsoleState;
use crate::access::Session;
use crate::error::ConsoleError;
use crate::guard::{Confirmed, NoFields};
use crate::pages::layout::{Layout, Section};
use crate::pages::rendered;
use crate::permission::Permission;
use crate::problem::Problem;
use crate::replay::{Begun, Remembered};

/// Longest mark of a form, bytes: an id of ours.
const ONCE_BYTES_MAX: usize = 64;

/// How long a rotated key goes on working.
pub(crate) struct Grace {
    /// What the form sends.
    pub(crate) name: &'static str,
    /// What people read.
    pub(crate) title: &'static str,
    us: i64,
}

const HOUR_US: i64 = 3_600 * 1_000_000;

impl Grace {
    /// Every choice, the usual one first.
    pub(crate) const ALL: &'static [Grace] = &[
        Grace { name: "day", title: "one more day", us: 24 * HOUR_US },
        Grace { name: "hour", title: "one more hour", us: HOUR_US },
        Grace { name: "week", title: "seven more days", us: 7 * 24 * HOUR_US },
        Grace { name: "none", title: "no longer: it stops at once", us: 0 },
    ];
}

/// What the rotation form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct RotateForm {
    grace: String,
}

#[derive(Template)]
#[template(path = "key_secret.html")]
struct SecretPage {
    layout: Layout,
    key: KeyId,
    name: String,
    team: String,
    secret: String,
    /// The key it takes the place of, and how long that goes on working.
    replaced: Option<(KeyId, &'static str)>,
}

/// Makes a key and shows its secret. A form sent twice, as by reloading the answer, leads to the key.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Confirmed(session, form): Confirmed<KeyForm>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::WriteKeys)?;
    let desk = state.desk()?;
    let draft = match form.draft(&session, &state.settings.zone) {
        Ok(draft) => draft,
        Err(error) => return form::again(&state, &session, &form, vec![error]),
    };
    if !draft.team.trim().is_empty() {
        session.demand_sight(Some(draft.team.trim()), "team")?;
    }
    let key = match draft.check(&desk.declared(), state.now()) {
        Ok(key) => key,
        Err(errors) => return form::again(&state, &session, &form, errors),
    };
    if form.once.is_empty() || form.once.len() > ONCE_BYTES_MAX {
        return Err(ConsoleError::Malformed("the form's field `once` is missing".to_owned()));
    }
    let mark = format!("form {}", form.once);
    match state.replays.begin((session.id, &mark), [0; 32], state.now()) {
        Begun::Fresh(ticket) => {
            let (key, secret) = desk.create(&session, &key).await?;
            let mut to_key = HeaderMap::new();
            if let Ok(address) = HeaderValue::try_from(format!("/keys/{}", key.id)) {
                to_key.insert(header::LOCATION, address);
            }
            ticket.keep(Remembered::new(StatusCode::SEE_OTHER, &to_key, Default::default()));
            shown_once(&state, &session, &key, &secret, None)
        }
        Begun::Answered(redirect) => Ok(redirect.into_response()),
        Begun::UnderWay | Begun::Other => {
            Err(Problem::conflict("This form is being worked on already.".to_owned()).into())
        }
    }
}

/// Makes a key that takes another's place, and shows its secret.
pub(crate) async fn rotate(
    State(state): State<ConsoleState>,
    path: Result<Path<KeyId>, PathRejection>,
    Confirmed(session, form): Confirmed<RotateForm>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::WriteKeys)?;
    let id = id_of(path)?;
    let grace = Grace::ALL.iter().find(|grace| grace.name == form.grace);
    let grace = grace.ok_or_else(|| ConsoleError::Malformed("no such grace period".to_owned()))?;
    let (key, secret) = state.desk()?.rotate(&session, id, grace.us).await?;
    shown_once(&state, &session, &key, &secret, Some((id, grace.title)))
}

/// Revokes a key and goes back to it.
pub(crate) async fn revoke(
    State(state): State<ConsoleState>,
    path: Result<Path<KeyId>, PathRejection>,
    Confirmed(session, NoFields {}): Confirmed<NoFields>,
) -> Result<Redirect, ConsoleError> {
    session.demand(Permission::WriteKeys)?;
    let id = id_of(path)?;
    state.desk()?.revoke(&session, id).await?;
    Ok(Redirect::to(&format!("/keys/{id}")))
}

/// The one page that ever shows a secret; nothing may keep it.
fn shown_once(
    state: &ConsoleState,
    session: &Session,
    key: &Key,
    secret: &Secret,
    replaced: Option<(KeyId, &'static str)>,
) -> Result<Response, ConsoleError> {
    let page = rendered(&SecretPage {
        layout: Layout::new(state, session, Section::Keys, format!("New key {}", key.name)),
        key: key.id,
        name: key.name.to_string(),
        team: key.owner.team.to_string(),
        secret: secret.expose().to_owned(),
        replaced,
    })?;
    Ok(([(header::CACHE_CONTROL, "no-store")], page).into_response())
}
