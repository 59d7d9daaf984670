//! Errors as documents: a page for people, RFC 9457 `application/problem+json` for programs.

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ConsoleState;
use crate::pages;

/// One problem. A handler answers with it as an extension; `present` writes it out.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Stable name of the kind of problem: the end of its `type` URN.
    pub(crate) kind: &'static str,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
}

impl Problem {
    pub(crate) fn not_found(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "not-found",
            title: "Nothing here",
            detail: format!("There is no such {what}. It may have been mistyped."),
        }
    }

    pub(crate) fn malformed(detail: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "malformed-request",
            title: "The request could not be understood",
            detail,
        }
    }

    /// What a bare status says, for answers the router makes by itself.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found("page"),
            StatusCode::METHOD_NOT_ALLOWED => Self {
                status,
                kind: "method-not-allowed",
                title: "This address does not take that method",
                detail: "Pages are read with GET.".to_owned(),
            },
            _ if status.is_client_error() => {
                Self { status, ..Self::malformed("The request was refused.".to_owned()) }
            }
            _ => Self {
                status,
                kind: "internal-error",
                title: "Something went wrong here",
                detail: "The failure was logged. The gateway goes on serving and metering."
                    .to_owned(),
            },
        }
    }

    fn to_json(&self) -> Response {
        let body = serde_json::json!({
            "type": format!("urn:tollgate:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let kind = HeaderValue::from_static("application/problem+json");
        (self.status, [(CONTENT_TYPE, kind)], body.to_string()).into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes every error in the form the client asked for.
pub(crate) async fn present(
    State(state): State<ConsoleState>,
    request: Request,
    next: Next,
) -> Response {
    let wants_page = wants_page(request.headers());
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = response.extensions().get::<Problem>().cloned();
    let problem = problem.unwrap_or_else(|| Problem::of_status(status));
    let page = wants_page.then(|| pages::problem::page(&state, &problem).ok()).flatten();
    let mut shown = page.unwrap_or_else(|| problem.to_json());
    if let Some(allow) = response.headers().get(ALLOW) {
        shown.headers_mut().insert(ALLOW, allow.clone());
    }
    shown
}

/// Browsers name HTML; programs say anything or JSON.
fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}
