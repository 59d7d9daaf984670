//! Who is calling: the credential from any header an SDK would put it in.

use std::sync::Arc;

use events::ErrorClass;
use pingora_core::protocols::http::ServerSession;
use policy::{Key, Snapshot, hash_secret};
use units::UnixMicros;

use crate::failure::Failure;

/// Headers that may carry a key, besides `Authorization`.
pub(crate) const KEY_HEADERS: [&str; 5] =
    ["x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key", "x-bf-vk"];

/// What a WebSocket protocol that carries a key begins with.
pub(crate) const KEY_PROTOCOL: &str = dialects::REALTIME_KEY_PROTOCOL;

/// The key a request was sent with.
pub(crate) fn authenticate(
    down: &ServerSession,
    snapshot: &Snapshot,
    at: UnixMicros,
) -> Result<Arc<Key>, Failure> {
    let refuse =
        |code, message: &str| Failure::new(ErrorClass::Unauthenticated, 401, code, message);
    let Some(secret) = credential(down) else {
        return Err(refuse(
            "missing_api_key",
            "no API key: send `Authorization: Bearer tg_…` with a key made by `tollgate key create`",
        ));
    };
    let key = snapshot.key(&hash_secret(secret), at);
    key.cloned().ok_or_else(|| {
        refuse("invalid_api_key", "this API key is unknown, revoked or expired: ask for a new one")
    })
}

fn credential(down: &ServerSession) -> Option<&str> {
    let text = |name: &str| down.get_header(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret)
    });
    // A browser's WebSocket can send no header but the protocols it speaks.
    let protocol = || {
        let offered = text("sec-websocket-protocol")?.split(',');
        offered.map(str::trim).find_map(|name| name.strip_prefix(KEY_PROTOCOL))
    };
    bearer
        .or_else(|| KEY_HEADERS.iter().find_map(|name| text(name)))
        .or_else(protocol)
        .map(str::trim)
        .filter(|secret| !secret.is_empty())
}
