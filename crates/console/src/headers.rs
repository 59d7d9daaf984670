//! The headers every answer carries, whatever produced it.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::ConsoleState;

/// Nothing but our own files, no inline style or script, no framing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; \
     img-src 'self' data:; script-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'; connect-src 'self'";

/// The fixed headers. The referrer policy is `same-origin`, which tells other sites nothing, and not
/// `no-referrer`, under which browsers would send `Origin: null` with our own forms too.
fn fixed() -> [(HeaderName, &'static str); 6] {
    [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ]
}

/// Adds the headers; runs outermost.
pub(crate) async fn secure(
    State(state): State<ConsoleState>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    apply(response.headers_mut(), state.settings.public_url.is_https());
    response
}

fn apply(headers: &mut HeaderMap, is_https: bool) {
    for (name, value) in fixed() {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
