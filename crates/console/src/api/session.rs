//! Who is asking.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::money::instant;
use crate::permission::Permission;
use crate::session::SignedIn;

/// The session of the request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionShown {
    /// Its id; not a secret.
    id: String,
    /// `admin`, `finance`, `engineer`, `analyst` or `viewer`.
    role: String,
    /// The only team whose things it sees; null sees all.
    team: Option<String>,
    /// What it may do.
    permissions: Vec<&'static str>,
    /// What changes must carry as `X-CSRF-Token` when the cookie is used.
    csrf_token: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Tells who is asking
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionShown)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn show(SignedIn(session): SignedIn) -> Json<SessionShown> {
    let held = Permission::ALL.into_iter().filter(|permission| session.may(*permission));
    Json(SessionShown {
        id: session.id.to_string(),
        role: session.role.to_string(),
        team: session.team().map(ToString::to_string),
        permissions: held.map(Permission::deed).collect(),
        csrf_token: session.csrf.expose().to_owned(),
        expires_at: instant(session.expires_at),
    })
}
