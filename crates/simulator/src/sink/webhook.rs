//! What a receiver of Standard Webhooks checks: the signature of one of its secrets, and its age.
//! It must never know what a message says.

use axum::http::HeaderMap;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use units::Secret;

/// How old or early a message may be, seconds.
const TOLERANCE_S: i64 = 300;

/// Checks a message at `now_s` seconds since 1970.
pub(super) fn check(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[Secret],
    now_s: i64,
) -> Result<(), &'static str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let id = header(HEADER_WEBHOOK_ID).ok_or("missing webhook-id")?;
    let sent_s: i64 = header(HEADER_WEBHOOK_TIMESTAMP)
        .and_then(|text| text.parse().ok())
        .ok_or("missing webhook-timestamp")?;
    if secrets.is_empty() {
        return Ok(());
    }
    if now_s.abs_diff(sent_s) > TOLERANCE_S.unsigned_abs() {
        return Err("webhook-timestamp too far away");
    }
    let signatures = header(HEADER_WEBHOOK_SIGNATURE).ok_or("missing webhook-signature")?;
    let is_signed = secrets.iter().any(|secret| {
        let expected = Webhook::new(secret.expose()).and_then(|key| key.sign(id, sent_s, body));
        expected.is_ok_and(|expected| signatures.split(' ').any(|one| one == expected))
    });
    if is_signed { Ok(()) } else { Err("no matching webhook-signature") }
}
