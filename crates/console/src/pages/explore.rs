//! Explore: usage over any days, by any dimension or tag, as a chart, as tables, as SQL, and as files
//! of exactly what is shown. The whole question is in the address.

mod download;
mod findings;
mod form;
mod timeline;
mod totals;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::layout::{Layout, Section};
use super::terms::{Choice, address};
use super::{Asked, rendered};
use crate::ConsoleState;
use crate::access::Session;
use crate::error::ConsoleError;
use crate::ledger::LedgerError;
use crate::permission::Permission;
use crate::problem::{BesidePage, Problem};
use crate::session::SignedIn;
use crate::span::Preset;
use findings::Findings;
use form::{AskedOf, Form, Question};
use timeline::Timeline;
use totals::Totals;

pub(crate) use download::download;

/// The days shown when none are asked for.
const DEFAULT_RANGE: Preset = Preset::Month;

#[derive(Template)]
#[template(path = "explore.html")]
struct ExplorePage {
    layout: Layout,
    form: Form,
    problems: Vec<String>,
    result: Option<Box<ResultView>>,
    may_export: bool,
}

/// What was found.
struct ResultView {
    title: String,
    days: String,
    before: Option<String>,
    totals: Totals,
    timeline: Timeline,
    sql: String,
    is_rolled_up: bool,
    is_empty: bool,
    downloads: Downloads,
}

/// Where the shown tables are as files.
struct Downloads {
    totals_csv: String,
    totals_parquet: String,
    buckets_csv: String,
    buckets_parquet: String,
}

/// Shows the form and what was found; the form with what is wrong with it when it cannot be answered.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let form = Form::read(&pairs);
    let (status, problems, result) = match answer(&state, &session, &form).await {
        Ok(result) => (StatusCode::OK, Vec::new(), Some(Box::new(result))),
        Err(Unanswered::Asked(problems)) => (StatusCode::BAD_REQUEST, problems, None),
        Err(Unanswered::TooSlow) => {
            let problem = "The ledger did not answer in time. Choose fewer days, or group by less.";
            (StatusCode::SERVICE_UNAVAILABLE, vec![problem.to_owned()], None)
        }
        Err(Unanswered::Failed(error)) => return Err(error),
    };
    let beside = BesidePage(Problem { status, ..Problem::malformed(problems.join(" ")) });
    let page = rendered(&ExplorePage {
        layout: Layout::new(&state, &session, Section::Explore, "Explore".to_owned()),
        form,
        problems,
        result,
        may_export: session.may(Permission::Export),
    })?;
    let mut response = (status, page).into_response();
    response.extensions_mut().insert(beside);
    Ok(response)
}

/// Why there is no answer.
enum Unanswered {
    /// What is wrong with the question, in words for the form.
    Asked(Vec<String>),
    /// The question may be too large.
    TooSlow,
    /// Something else.
    Failed(ConsoleError),
}

impl From<ConsoleError> for Unanswered {
    fn from(error: ConsoleError) -> Self {
        match error {
            ConsoleError::Ledger(LedgerError::Refused(problem)) => Self::Asked(vec![problem]),
            ConsoleError::Ledger(LedgerError::TooSlow) => Self::TooSlow,
            error => Self::Failed(error),
        }
    }
}

/// The question of a form, as it may be asked by a session.
fn question(state: &ConsoleState, session: &Session, form: &Form) -> Result<Question, Unanswered> {
    let asked = AskedOf { now: state.now(), zone: &state.settings.zone, team: session.team() };
    form.question(&asked).map_err(Unanswered::Asked)
}

async fn answer(
    state: &ConsoleState,
    session: &Session,
    form: &Form,
) -> Result<ResultView, Unanswered> {
    let question = question(state, session, form)?;
    let findings = Findings::of(state, &question).await?;
    let reader = session.may(Permission::ReadRequests);
    let timeline =
        Timeline::of(state, form, (&question, reader), &findings).map_err(ConsoleError::from)?;
    let file = |name: &str| address(&format!("/explore/{name}"), &form.pairs());
    Ok(ResultView {
        title: question.title(),
        days: question.when(&state.moments()),
        before: question.before.map(|before| before.title()),
        totals: Totals::of(form, &question, &findings),
        timeline,
        sql: findings.answer.sql.clone(),
        is_rolled_up: findings.answer.is_rolled_up,
        is_empty: findings.is_empty(),
        downloads: Downloads {
            totals_csv: file("totals.csv"),
            totals_parquet: file("totals.parquet"),
            buckets_csv: file("buckets.csv"),
            buckets_parquet: file("buckets.parquet"),
        },
    })
}

impl ExplorePage {
    fn ranges(&self) -> Vec<Choice> {
        self.form.terms.ranges(DEFAULT_RANGE)
    }
}
