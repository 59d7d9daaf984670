//! Virtual keys over the API.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{ClientField, Key};
use units::{KeyId, Slug, UnixMicros};
use utoipa::{IntoParams, ToSchema};

use super::Sent;
use super::money::instant;
use super::paging::PageQuery;
use crate::ConsoleState;
use crate::desk::{Entry, KeysAsked};
use crate::draft::KeyDraft;
use crate::error::ConsoleError;
use crate::pages::Asked;
use crate::permission::Permission;
use crate::problem::FieldError;
use crate::session::SignedIn;

/// Longest grace of a rotation, seconds: 30 days.
const GRACE_SECONDS_MAX: u32 = 30 * 86_400;

/// A virtual key. Its secret is never among what is known.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyShown {
    /// `key_…`.
    id: String,
    /// The first characters of its secret; null for keys of the configuration file.
    prefix: Option<String>,
    /// Name people read.
    name: String,
    /// Who pays, and for what.
    owner: OwnerShown,
    /// Models and routes it may use; empty allows all.
    allowed_models: Vec<String>,
    /// `store`, or `file` for keys of the configuration file, which are changed there.
    kept_in: &'static str,
    /// Whether it is accepted now.
    is_active: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// From when on it is refused.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// When it was last seen in use.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// The key it took the place of.
    replaces: Option<String>,
}

/// Who pays, and for what.
#[derive(Debug, Serialize, ToSchema)]
struct OwnerShown {
    /// Team.
    team: String,
    /// Project within the team.
    project: Option<String>,
    /// Whom it was handed to.
    user: Option<String>,
    /// Product feature it serves.
    feature: Option<String>,
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyList {
    /// Keys of the configuration file first, then in the order they were made.
    items: Vec<KeyShown>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// A key to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyAsked {
    /// Name people read, at most 256 bytes.
    name: String,
    /// Team that pays.
    team: String,
    /// Project within the team.
    #[serde(default)]
    project: Option<String>,
    /// Whom it is handed to.
    #[serde(default)]
    user: Option<String>,
    /// Product feature it serves.
    #[serde(default)]
    feature: Option<String>,
    /// Models and routes it may use; empty allows all.
    #[serde(default)]
    allowed_models: Vec<String>,
    /// What clients may say about themselves: `customer`, `user`, `feature`, `session`, `tags`. All by
    /// default.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    trust_client_attribution: Option<BTreeSet<ClientField>>,
    /// From when on it is refused; never by default.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A key just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyMade {
    /// The key.
    key: KeyShown,
    /// Its secret, told this once.
    secret: String,
}

/// How to rotate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How long the old key goes on working, seconds: 0 to 2,592,000 (30 days).
    grace_seconds: u32,
}

/// Which keys to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct KeysQuery {
    /// Of this team only.
    team: Option<String>,
    /// Also those revoked or expired.
    #[serde(default)]
    include_inactive: bool,
}

/// Lists keys
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "keys", params(KeysQuery, PageQuery),
    responses((status = 200, body = KeyList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<KeysQuery>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<KeyList>, ConsoleError> {
    session.demand(Permission::ReadKeys)?;
    let team = query.team.map(|team| team.parse::<Slug>()).transpose();
    let team = team.map_err(|_| ConsoleError::NotFound("team"))?;
    let asked =
        KeysAsked { team, include_inactive: query.include_inactive, after: page.after::<KeyId>()? };
    let found = state.desk()?.keys(&session, &asked, page.limit()?).await?;
    let now = state.now();
    Ok(Json(KeyList {
        items: found.entries.iter().map(|entry| KeyShown::of(entry, now)).collect(),
        next_cursor: found.next.map(|id| id.to_string()),
    }))
}

/// Makes a key and tells its secret, once
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "keys", request_body = KeyAsked,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes asking twice one change.")),
    responses(
        (status = 201, body = KeyMade),
        (status = 422, description = "Some fields are not as they must be; `errors` says which.")
    ),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn create(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Sent(asked): Sent<KeyAsked>,
) -> Result<impl IntoResponse, ConsoleError> {
    session.demand(Permission::WriteKeys)?;
    let desk = state.desk()?;
    session.demand_sight(Some(asked.team.trim()), "team")?;
    let key = asked.draft().check(&desk.declared(), state.now())?;
    let (key, secret) = desk.create(&session, &key).await?;
    let address = format!("/api/v1/keys/{}", key.id);
    let made = KeyMade::new(key, secret.expose(), state.now());
    Ok((StatusCode::CREATED, [(header::LOCATION, address)], Json(made)))
}

/// Shows one key
#[utoipa::path(
    get, path = "/api/v1/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "Id of the key.")),
    responses((status = 200, body = KeyShown), (status = 404)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<KeyShown>, ConsoleError> {
    session.demand(Permission::ReadKeys)?;
    let entry = state.desk()?.key(&session, id_of(&id)?).await?;
    Ok(Json(KeyShown::of(&entry, state.now())))
}

/// Makes a key that takes another's place, and tells its secret, once
#[utoipa::path(
    post, path = "/api/v1/keys/{id}/rotate", tag = "keys", request_body = Rotation,
    params(
        ("id" = String, Path, description = "Id of the key."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes asking twice one change.")
    ),
    responses((status = 201, body = KeyMade), (status = 404), (status = 409)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn rotate(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
    Sent(rotation): Sent<Rotation>,
) -> Result<impl IntoResponse, ConsoleError> {
    session.demand(Permission::WriteKeys)?;
    if rotation.grace_seconds > GRACE_SECONDS_MAX {
        let detail = format!("write 0 to {GRACE_SECONDS_MAX}");
        return Err(vec![FieldError::new("grace_seconds", detail)].into());
    }
    let grace_us = i64::from(rotation.grace_seconds) * 1_000_000;
    let (key, secret) = state.desk()?.rotate(&session, id_of(&id)?, grace_us).await?;
    let address = format!("/api/v1/keys/{}", key.id);
    let made = KeyMade::new(key, secret.expose(), state.now());
    Ok((StatusCode::CREATED, [(header::LOCATION, address)], Json(made)))
}

/// Ends a key for ever
#[utoipa::path(
    post, path = "/api/v1/keys/{id}/revoke", tag = "keys",
    params(("id" = String, Path, description = "Id of the key.")),
    responses((status = 200, body = KeyShown), (status = 404), (status = 409)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn revoke(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<KeyShown>, ConsoleError> {
    session.demand(Permission::WriteKeys)?;
    let key = state.desk()?.revoke(&session, id_of(&id)?).await?;
    Ok(Json(KeyShown::of(&Entry::Stored(Box::new(key)), state.now())))
}

/// What is no id names no key.
fn id_of(text: &str) -> Result<KeyId, ConsoleError> {
    text.parse().map_err(|_| ConsoleError::NotFound("key"))
}

impl KeyAsked {
    fn draft(self) -> KeyDraft {
        let all = || ClientField::ALL.into_iter().collect();
        KeyDraft {
            name: self.name,
            team: self.team,
            project: self.project.unwrap_or_default(),
            user: self.user.unwrap_or_default(),
            feature: self.feature.unwrap_or_default(),
            allowed_models: self.allowed_models,
            trust: self.trust_client_attribution.unwrap_or_else(all),
            expires_at: self.expires_at.map(UnixMicros::from),
        }
    }
}

impl KeyMade {
    fn new(key: Key, secret: &str, now: UnixMicros) -> Self {
        let key = KeyShown::of(&Entry::Stored(Box::new(key)), now);
        Self { key, secret: secret.to_owned() }
    }
}

impl KeyShown {
    fn of(entry: &Entry, now: UnixMicros) -> Self {
        match entry {
            Entry::Declared(key) => Self {
                id: key.id.to_string(),
                prefix: None,
                name: key.name.clone(),
                owner: OwnerShown {
                    team: key.team.to_string(),
                    project: key.project.clone(),
                    user: key.user.clone(),
                    feature: key.feature.clone(),
                },
                allowed_models: key.routes.clone(),
                kept_in: "file",
                is_active: key.expires_at.is_none_or(|at| now < at),
                created_at: None,
                expires_at: key.expires_at.map(instant),
                revoked_at: None,
                last_used_at: None,
                replaces: None,
            },
            Entry::Stored(key) => Self {
                id: key.id.to_string(),
                prefix: Some(key.prefix.clone()),
                name: key.name.to_string(),
                owner: OwnerShown {
                    team: key.owner.team.to_string(),
                    project: key.owner.project.as_ref().map(ToString::to_string),
                    user: key.owner.user.as_ref().map(ToString::to_string),
                    feature: key.owner.feature.as_ref().map(ToString::to_string),
                },
                allowed_models: key.access.allowed_models.clone(),
                kept_in: "store",
                is_active: key.is_active(now),
                created_at: Some(instant(key.created_at)),
                expires_at: key.expires_at.map(instant),
                revoked_at: key.revoked_at.map(instant),
                last_used_at: key.last_used_at.map(instant),
                replaces: key.replaces.map(|id| id.to_string()),
            },
        }
    }
}
