//! What can go wrong while answering, and how each is told: one mapping to HTTP for the console.

use axum::extract::rejection::{
    BytesRejection, FormRejection, JsonRejection, QueryRejection, RawFormRejection,
};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use store::{Role, StoreError};

use crate::access::AccessError;
use crate::alerting::AlertError;
use crate::budgets::BoardError;
use crate::ledger::LedgerError;
use crate::permission::Permission;
use crate::problem::{FieldError, Problem};

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
    /// The session's role does not let it. The client's; another role helps.
    #[error("{role} may not {}", permission.deed())]
    Forbidden {
        /// What the session is.
        role: Role,
        /// What it would take.
        permission: Permission,
    },
    /// Nothing of this kind here, or nothing this session may know of. The client's.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A query or form that does not parse. The client's.
    #[error("{0}")]
    Malformed(String),
    /// Refused for a reason told where it was decided. The client's.
    #[error("{}", .0.title)]
    Refused(Box<Problem>),
    /// The database failed. Ours; a retry may help.
    #[error("the database could not be used: {0}")]
    Store(String),
    /// The authority over budgets could not be asked. Ours; a retry helps.
    #[error("the authority over budgets is away: {0}")]
    Authority(String),
    /// The ledger failed. Ours; a retry may help.
    #[error(transparent)]
    Ledger(LedgerError),
    /// A page or document could not be written. Ours; no retry helps.
    #[error("a page or document could not be written: {0}")]
    Unwritten(String),
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
            Self::Forbidden { role, permission } => (
                StatusCode::FORBIDDEN,
                "role-not-allowed",
                "Your role does not allow this",
                forbidden(*role, *permission),
            ),
            Self::NotFound(what) => return Problem::not_found(what),
            Self::Malformed(detail) => return Problem::malformed(detail.clone()),
            Self::Refused(problem) => return (**problem).clone(),
            Self::Authority(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "authority-unavailable",
                "Budgets cannot be decided right now",
                UNAVAILABLE.to_owned(),
            ),
            Self::Store(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "The database cannot be used right now",
                UNAVAILABLE.to_owned(),
            ),
            Self::Ledger(LedgerError::Refused(detail)) => {
                return Problem::malformed(detail.clone());
            }
            Self::Ledger(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ledger-unavailable",
                "The ledger cannot be read right now",
                UNAVAILABLE.to_owned(),
            ),
            Self::Unwritten(_) => return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Problem { status, kind, title, detail, errors: Vec::new() }
    }
}

/// Which role it takes, and how to come by it.
fn forbidden(role: Role, permission: Permission) -> String {
    let names: Vec<&str> = permission.roles().iter().map(|role| role.as_str()).collect();
    let needed = match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    format!(
        "You are signed in as {role}, which may not {}: that needs the role {needed}. Ask whoever \
         runs Tollgate for a login link of such a role (`tollgate login --role {}`).",
        permission.deed(),
        names.last().copied().unwrap_or("admin"),
    )
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

impl From<AlertError> for ConsoleError {
    fn from(AlertError(problem): AlertError) -> Self {
        Self::Store(problem)
    }
}

impl From<Problem> for ConsoleError {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<Vec<FieldError>> for ConsoleError {
    fn from(errors: Vec<FieldError>) -> Self {
        Problem::invalid(errors).into()
    }
}

impl From<StoreError> for ConsoleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, .. } => Self::NotFound(what),
            StoreError::Conflict { .. } => Problem::conflict(error.to_string()).into(),
            error => Self::Store(error.to_string()),
        }
    }
}

impl From<BoardError> for ConsoleError {
    fn from(BoardError(problem): BoardError) -> Self {
        Self::Authority(problem)
    }
}

impl From<AccessError> for ConsoleError {
    fn from(AccessError::Store(problem): AccessError) -> Self {
        Self::Store(problem)
    }
}

impl From<askama::Error> for ConsoleError {
    fn from(error: askama::Error) -> Self {
        Self::Unwritten(error.to_string())
    }
}

impl From<pricing::life::LifecycleError> for ConsoleError {
    fn from(error: pricing::life::LifecycleError) -> Self {
        Self::Unwritten(error.to_string())
    }
}

impl From<finops::FinopsError> for ConsoleError {
    fn from(error: finops::FinopsError) -> Self {
        Self::Unwritten(error.to_string())
    }
}

/// What a rejected body says: too much of it, or not what was expected.
fn rejected(status: StatusCode, text: String) -> ConsoleError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::too_large().into()
    } else {
        ConsoleError::Malformed(text)
    }
}

impl From<JsonRejection> for ConsoleError {
    fn from(rejection: JsonRejection) -> Self {
        rejected(rejection.status(), rejection.body_text())
    }
}

impl From<BytesRejection> for ConsoleError {
    fn from(rejection: BytesRejection) -> Self {
        rejected(rejection.status(), rejection.body_text())
    }
}

impl From<RawFormRejection> for ConsoleError {
    fn from(rejection: RawFormRejection) -> Self {
        rejected(rejection.status(), rejection.body_text())
    }
}

impl From<FormRejection> for ConsoleError {
    fn from(rejection: FormRejection) -> Self {
        rejected(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for ConsoleError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Malformed(rejection.body_text())
    }
}
