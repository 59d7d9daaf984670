//! What-if: the traffic of some days priced on other models or terms, as a chart, as tables, and as a
//! file of what is shown. The whole question is in the address.

mod answer;
mod form;

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::parts::{self, Part, PartLink};
use crate::ConsoleState;
use crate::access::Session;
use crate::comparison::compare;
use crate::error::ConsoleError;
use crate::ledger::LedgerError;
use crate::pages::layout::{Layout, Section};
use crate::pages::terms::{Choice, address};
use crate::pages::{Asked, rendered};
use crate::permission::Permission;
use crate::problem::{BesidePage, Problem};
use crate::session::SignedIn;
use crate::sheet;
use crate::span::Preset;
use answer::AnswerView;
use form::Form;

/// The days shown when none are asked for.
const DEFAULT_RANGE: Preset = Preset::LastMonth;
/// Models suggested while a name is typed: any other may be written as well.
const SUGGESTED_MAX: usize = 300;

#[derive(Template)]
#[template(path = "what_if.html")]
struct WhatIfPage {
    layout: Layout,
    form: Form,
    problems: Vec<String>,
    /// Names of models to choose from.
    suggested: Vec<String>,
    days: Option<String>,
    result: Option<Box<AnswerView>>,
    /// Where the shown tables are as a file.
    csv: String,
    may_export: bool,
}

/// Shows the form, and what was asked with it; what is wrong with it when it cannot be answered.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let form = Form::read(&pairs);
    let (status, problems, result) = match answer(&state, &session, &form).await {
        Ok(result) => (StatusCode::OK, Vec::new(), result),
        Err(ConsoleError::Malformed(problem)) => (StatusCode::BAD_REQUEST, vec![problem], None),
        Err(ConsoleError::Ledger(LedgerError::Refused(problem))) => {
            (StatusCode::BAD_REQUEST, vec![problem], None)
        }
        Err(ConsoleError::Ledger(LedgerError::TooSlow)) => {
            let problem = "The ledger did not answer in time. Choose fewer days, or filter more.";
            (StatusCode::SERVICE_UNAVAILABLE, vec![problem.to_owned()], None)
        }
        Err(error) => return Err(error),
    };
    let beside = BesidePage(Problem { status, ..Problem::malformed(problems.join(" ")) });
    let page = rendered(&WhatIfPage {
        layout: Layout::new(&state, &session, Section::Prices, "What if".to_owned()),
        suggested: suggested(&state)?,
        days: form.days(&state).ok().map(|days| days.title()),
        csv: address("/prices/what-if.csv", &form.pairs()),
        form,
        problems,
        result: result.map(Box::new),
        may_export: session.may(Permission::Export),
    })?;
    let mut response = (status, page).into_response();
    response.extensions_mut().insert(beside);
    Ok(response)
}

/// The shown tables as CSV.
pub(crate) async fn download(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::Export)?;
    let asked = Form::read(&pairs).asked(&state, &session)?;
    let found = compare(&state, &asked).await?;
    let failed = |reason: String| ConsoleError::Ledger(LedgerError::Failed(reason));
    let text = sheet::to_csv(&answer::sheet(&found)).map_err(failed)?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"what-if.csv\""),
    ];
    Ok((headers, text).into_response())
}

/// The answer; `None` when nothing was asked yet.
async fn answer(
    state: &ConsoleState,
    session: &Session,
    form: &Form,
) -> Result<Option<AnswerView>, ConsoleError> {
    // Mistakes in days and filters are told also before anything is compared.
    let asked = form.asked(state, session)?;
    if asked.models.is_empty() && !asked.terms.is_any() {
        return Ok(None);
    }
    let found = compare(state, &asked).await?;
    Ok(Some(AnswerView::of(state, &found)?))
}

/// Models of the providers routes lead to; of all, where there are no routes.
fn suggested(state: &ConsoleState) -> Result<Vec<String>, ConsoleError> {
    let desk = state.prices()?;
    let book = desk.book();
    let providers: BTreeSet<String> = desk
        .targets()
        .into_iter()
        .filter_map(|target| {
            let name = desk.billed_as(&target.provider).unwrap_or(target.provider);
            book.provider_named(&name).map(str::to_owned)
        })
        .collect();
    let is_likely = |model: &pricing::ModelEntry<'_>| {
        providers.is_empty() || providers.contains(model.provider_id())
    };
    let models = book.models().filter(is_likely).take(SUGGESTED_MAX);
    Ok(models.map(|model| format!("{}/{}", model.provider_id(), model.id())).collect())
}

impl WhatIfPage {
    fn parts(&self) -> [PartLink; 4] {
        parts::links(Part::WhatIf)
    }

    fn ranges(&self) -> Vec<Choice> {
        self.form.terms.ranges(DEFAULT_RANGE)
    }
}
