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
    /// What is wrong with single fields of what was sent.
    pub(crate) errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// The field's name, in the form and in the JSON alike.
    pub(crate) field: &'static str,
    pub(crate) detail: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self { field, detail: detail.into() }
    }
}

impl Problem {
    pub(crate) fn not_found(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "not-found",
            title: "Nothing here",
            detail: format!("There is no such {what}. It may have been mistyped."),
            errors: Vec::new(),
        }
    }

    pub(crate) fn malformed(detail: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "malformed-request",
            title: "The request could not be understood",
            detail,
            errors: Vec::new(),
        }
    }

    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let details = errors.iter().map(|error| format!("{}: {}", error.field, error.detail));
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            kind: "invalid-fields",
            title: "Some fields are not as they must be",
            detail: details.collect::<Vec<_>>().join("; "),
            errors,
        }
    }

    pub(crate) fn conflict(detail: String) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            kind: "conflict",
            title: "This cannot be done as things are",
            detail,
            errors: Vec::new(),
        }
    }

    pub(crate) fn too_large() -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            kind: "body-too-large",
            title: "Too much was sent",
            detail: "The request's body is larger than anything this address takes.".to_owned(),
            errors: Vec::new(),
        }
    }

    /// What a bare status says, for answers the router makes by itself.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found("page"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::METHOD_NOT_ALLOWED => Self {
                status,
                kind: "method-not-allowed",
                title: "This address does not take that method",
                detail: "Pages are read with GET.".to_owned(),
                errors: Vec::new(),
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
                errors: Vec::new(),
            },
        }
    }

    fn to_json(&self) -> Response {
        let mut body = serde_json::json!({
            "type": format!("urn:tollgate:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(|error| {
                serde_json::json!({
                    "pointer": format!("#/{}", error.field), "detail": error.detail,
                })
            });
            body["errors"] = errors.collect();
        }
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

/// What a page with an error of its own, such as a form shown again, says to programs instead.
#[derive(Debug, Clone)]
pub(crate) struct BesidePage(pub(crate) Problem);

/// Writes every error in the form the client asked for.
pub(crate) async fn present(
    State(state): State<ConsoleState>,
    request: Request,
    next: Next,
) -> Response {
    let wants_page = !is_for_programs(request.uri().path()) && wants_page(request.headers());
    let response = next.run(request).await;
    let status = response.status();
    let problem = response.extensions().get::<Problem>().cloned();
    let is_page = problem.is_none() && wants_page && has_page(&response);
    if is_page || !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let beside = response.extensions().get::<BesidePage>().map(|BesidePage(told)| told.clone());
    let problem = problem.or(beside).unwrap_or_else(|| Problem::of_status(status));
    let page = wants_page.then(|| pages::problem::page(&state, &problem).ok()).flatten();
    let mut shown = page.unwrap_or_else(|| problem.to_json());
    if let Some(allow) = response.headers().get(ALLOW) {
        shown.headers_mut().insert(ALLOW, allow.clone());
    }
    shown
}

/// Addresses no browser's page lies under.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/gateway/") || path == "/openapi.json"
}

/// Whether a handler has already written a page, such as a form with what is wrong with it.
fn has_page(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// Browsers name HTML, or say that a page's own script asks; programs say anything or JSON.
fn wants_page(headers: &HeaderMap) -> bool {
    let names_html = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"));
    names_html || headers.contains_key("hx-request")
}
