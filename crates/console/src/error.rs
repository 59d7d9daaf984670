//! What can go wrong while answering, and how each is told: one mapping to HTTP for the console.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::access::AccessError;
use crate::ledger::LedgerError;
use crate::problem::Problem;

/// What a failure of ours says to whoever asks: the log has the rest.
const UNAVAILABLE: &str = "The failure was logged. The gateway goes on serving and metering, and \
     nothing is lost; try again shortly.";

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsoleError {
    /// No session, or one that has ended. The client's; log in.
    #[error("not signed in")]
    NotSignedIn,
    /// A login link that is not good (any more). The client's; get another.
    #[error("login link spent")]
    LinkSpent,
    /// A change asked for by another site's page. The client's; no retry helps.
    #[error("wrong origin")]
    WrongOrigin,
    /// A form without its session's token. The client's; reload and retry.
    #[error("wrong form token")]
    WrongFormToken,
    /// Nothing of this kind here. The client's.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A query or form that does not parse. The client's.
    #[error("{0}")]
    Malformed(String),
    /// The ledger failed. Ours; a retry may help.
    #[error(transparent)]
    Ledger(LedgerError),
    /// The session store failed. Ours; a retry may help.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A template failed. Ours; no retry helps.
    #[error("a page could not be rendered: {0}")]
    Render(#[from] askama::Error),
    /// A statement could not be written out. Ours; no retry helps.
    #[error("a statement could not be written: {0}")]
    Statement(#[from] finops::FinopsError),
}

impl ConsoleError {
    fn problem(&self) -> Problem {
        let (status, kind, title, detail) = match self {
            Self::NotSignedIn => (
                StatusCode::UNAUTHORIZED,
                "not-signed-in",
                "You are not signed in",
                "Open the login link that `tollgate serve` or `tollgate demo` prints when it \
                 starts. A link works once; a session lasts 12 hours."
                    .to_owned(),
            ),
            Self::LinkSpent => (
                StatusCode::UNAUTHORIZED,
                "login-link-spent",
                "This login link is no longer good",
                "A login link works once and for a limited time. `tollgate serve` and \
                 `tollgate demo` print a fresh one when they start."
                    .to_owned(),
            ),
            Self::WrongOrigin => (
                StatusCode::FORBIDDEN,
                "wrong-origin",
                "Refused: the request came from another site",
                "Changes are accepted from this console's own pages only. If this is its own \
                 page, the console's public URL is not the address in your browser."
                    .to_owned(),
            ),
            Self::WrongFormToken => (
                StatusCode::FORBIDDEN,
                "wrong-form-token",
                "Refused: the form is out of date",
                "The form does not belong to your present session. Go back, reload the page and \
                 try again."
                    .to_owned(),
            ),
            Self::NotFound(what) => return Problem::not_found(what),
            Self::Malformed(detail) => return Problem::malformed(detail.clone()),
            Self::Ledger(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ledger-unavailable",
                "The ledger cannot be read right now",
                UNAVAILABLE.to_owned(),
            ),
            Self::Access(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "access-unavailable",
                "Sessions cannot be checked right now",
                UNAVAILABLE.to_owned(),
            ),
            Self::Render(_) | Self::Statement(_) => {
                return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        Problem { status, kind, title, detail }
    }
}

impl IntoResponse for ConsoleError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        if problem.status.is_server_error() {
            tracing::error!(error = %self, kind = problem.kind, "console request failed");
        }
        problem.into_response()
    }
}

impl From<QueryRejection> for ConsoleError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Malformed(rejection.body_text())
    }
}

impl From<FormRejection> for ConsoleError {
    fn from(rejection: FormRejection) -> Self {
        Self::Malformed(rejection.body_text())
    }
}
