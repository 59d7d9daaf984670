//! What is shown, as files: the same figures to the last digit.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use lake::Sheet;

use super::findings::Findings;
use super::form::Form;
use super::totals::Totals;
use super::{Unanswered, question, timeline};
use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::ledger::LedgerError;
use crate::pages::Asked;
use crate::permission::Permission;
use crate::session::SignedIn;
use crate::sheet;

/// A table of explore as CSV or Parquet.
pub(crate) async fn download(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(file): Path<String>,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::Export)?;
    let (table, kind) = file.split_once('.').ok_or(ConsoleError::NotFound("file"))?;
    if !matches!(table, "totals" | "buckets") || !matches!(kind, "csv" | "parquet") {
        return Err(ConsoleError::NotFound("file"));
    }
    let form = Form::read(&pairs);
    let question = question(&state, &session, &form).map_err(told)?;
    let findings = Findings::of(&state, &question).await?;
    let sheet = match table {
        "totals" => Totals::of(&form, &question, &findings).sheet(&question),
        _ => timeline::sheet(&question, &findings),
    };
    let name = format!("explore-{}-{table}.{kind}", question.asked.metric.as_str());
    written(sheet, kind, &name).await
}

async fn written(sheet: Sheet, kind: &str, name: &str) -> Result<Response, ConsoleError> {
    let failed = |reason: String| ConsoleError::Ledger(LedgerError::Failed(reason));
    let disposition = (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    if kind == "csv" {
        let kind = (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned());
        let text = sheet::to_csv(&sheet).map_err(failed)?;
        return Ok(([kind, disposition], text).into_response());
    }
    let bytes = tokio::task::spawn_blocking(move || sheet.to_parquet())
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))?;
    let kind = (CONTENT_TYPE, "application/vnd.apache.parquet".to_owned());
    Ok(([kind, disposition], bytes).into_response())
}

/// A file has no form to tell a mistake on.
fn told(unanswered: Unanswered) -> ConsoleError {
    match unanswered {
        Unanswered::Asked(problems) => ConsoleError::Malformed(problems.join(" ")),
        Unanswered::TooSlow => ConsoleError::Ledger(LedgerError::TooSlow),
        Unanswered::Failed(error) => error,
    }
}
