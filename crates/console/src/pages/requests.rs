//! Single requests, newest first: who paid, what answered, what it cost.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::layout::{Layout, Section};
use super::terms::{Choice, Terms, address};
use super::{Asked, rendered};
use crate::ConsoleState;
use crate::access::Session;
use crate::error::ConsoleError;
use crate::figures::duration;
use crate::ledger::LedgerError;
use crate::markup::{Count, Money, Stamp};
use crate::permission::Permission;
use crate::problem::{BesidePage, Problem};
use crate::requests::{Kind, RequestRow, RequestsQuestion};
use crate::session::SignedIn;
use crate::span::Preset;

/// The days listed when none are asked for.
const DEFAULT_RANGE: Preset = Preset::SevenDays;
/// Rows of a page.
const PAGE_ROWS: u32 = 50;
/// Longest cursor worth looking at, bytes.
const CURSOR_BYTES_MAX: usize = 512;

/// The form as it was sent.
struct Form {
    terms: Terms,
    kind: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    layout: Layout,
    form: Form,
    problems: Vec<String>,
    list: Option<List>,
}

/// A page of the list.
struct List {
    when: String,
    rows: Vec<Row>,
    /// The page after; `None` on the last.
    next: Option<String>,
    /// The first page; `None` when this is it.
    first: Option<String>,
}

/// One request.
struct Row {
    received: Stamp,
    link: String,
    short_id: String,
    row: RequestRow,
    input_tokens: Count,
    output_tokens: Count,
    cost: Option<Money>,
    lasted: String,
    status: String,
    class: &'static str,
}

/// Shows the list; the form with what is wrong with it when it cannot be answered.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::ReadRequests)?;
    let form = Form::read(&pairs);
    let (status, problems, list) = match form.question(&state, &session) {
        Err(problems) => (StatusCode::BAD_REQUEST, problems, None),
        Ok((question, when)) => match state.read(state.sources.requests.page(&question)).await {
            Ok(page) => {
                let list = List::of(&state, &form, when, page);
                (StatusCode::OK, Vec::new(), Some(list))
            }
            Err(ConsoleError::Ledger(LedgerError::Refused(problem))) => {
                (StatusCode::BAD_REQUEST, vec![problem], None)
            }
            Err(error) => return Err(error),
        },
    };
    let beside = BesidePage(Problem { status, ..Problem::malformed(problems.join(" ")) });
    let layout = Layout::new(&state, &session, Section::Requests, "Requests".to_owned());
    let page = rendered(&RequestsPage { layout, form, problems, list })?;
    let mut response = (status, page).into_response();
    response.extensions_mut().insert(beside);
    Ok(response)
}

impl Form {
    fn read(pairs: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = pairs.iter().rev().find(|(given, _)| given == name);
            found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        Self {
            terms: Terms::read(pairs),
            kind: value("kind").unwrap_or_default(),
            cursor: value("cursor"),
        }
    }

    fn question(
        &self,
        state: &ConsoleState,
        session: &Session,
    ) -> Result<(RequestsQuestion, String), Vec<String>> {
        let zone = &state.settings.zone;
        let mut problems = Vec::new();
        let days = self.terms.days(zone.date_of(state.now()), DEFAULT_RANGE);
        let span = days.clone().and_then(|days| self.terms.span(days, zone));
        let conditions = self.terms.conditions().unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let kind = self.kind();
        if kind.is_none() {
            problems.push("That kind of request is not known.".to_owned());
        }
        if self.cursor.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_BYTES_MAX) {
            problems.push("That page is not one of this list: start from its first.".to_owned());
        }
        match (days, span, kind) {
            (Ok(days), Ok(span), Some(kind)) if problems.is_empty() => {
                let when = if self.terms.since.is_empty() {
                    days.title()
                } else {
                    let moments = state.moments();
                    format!(
                        "{} to {}",
                        moments.stamp(span.from).shown,
                        moments.stamp(span.to).shown
                    )
                };
                let question = RequestsQuestion {
                    span,
                    team: session.team().cloned(),
                    conditions,
                    kind,
                    cursor: self.cursor.clone(),
                    limit: PAGE_ROWS,
                };
                Ok((question, when))
            }
            (_, span, _) => {
                problems.extend(span.err());
                Err(problems)
            }
        }
    }

    fn kind(&self) -> Option<Kind> {
        if self.kind.is_empty() {
            return Some(Kind::Any);
        }
        Kind::ALL.iter().copied().find(|kind| kind.as_str() == self.kind)
    }

    fn kinds(&self) -> Vec<Choice> {
        Choice::all(Kind::ALL.iter().map(|kind| (kind.as_str(), kind.title())), &self.kind)
    }

    fn page(&self, cursor: Option<String>) -> String {
        let mut pairs = self.terms.pairs();
        if !self.kind.is_empty() {
            pairs.push(("kind", self.kind.clone()));
        }
        pairs.extend(cursor.map(|cursor| ("cursor", cursor)));
        address("/requests", &pairs)
    }
}

impl List {
    fn of(
        state: &ConsoleState,
        form: &Form,
        when: String,
        page: crate::requests::RequestsPage,
    ) -> Self {
        Self {
            when,
            rows: page.rows.into_iter().map(|row| Row::of(state, row)).collect(),
            next: page.next.map(|cursor| form.page(Some(cursor))),
            first: form.cursor.is_some().then(|| form.page(None)),
        }
    }
}

/// Digits of an id that tell it from its neighbours: the last, since ids of one moment start alike.
const ID_DIGITS: usize = 8;

impl Row {
    fn of(state: &ConsoleState, row: RequestRow) -> Self {
        let digits = row.id.len().saturating_sub(ID_DIGITS);
        Self {
            received: state.moments().lately(row.received_at),
            link: format!("/requests/{}", row.id),
            short_id: row.id.get(digits..).unwrap_or(&row.id).to_owned(),
            input_tokens: Count(row.tokens.0),
            output_tokens: Count(row.tokens.1),
            cost: row.cost.map(Money),
            lasted: duration(row.duration_us),
            status: row.status.map_or_else(|| "–".to_owned(), |status| status.to_string()),
            class: if row.error.is_none() { "within" } else { "over" },
            row,
        }
    }

    /// What one should know of it: class and words.
    fn badges(&self) -> Vec<(&'static str, String)> {
        let marks = self.row.marks;
        let mut badges = Vec::new();
        if marks.is_cached {
            badges.push(("within", "cached".to_owned()));
        }
        if marks.is_estimated {
            badges.push(("near", "estimated".to_owned()));
        }
        if marks.is_unpriced {
            badges.push(("near", "unpriced".to_owned()));
        }
        if marks.attempts > 1 {
            badges.push(("plain", format!("failover, {} attempts", marks.attempts)));
        }
        badges
    }
}

impl RequestsPage {
    fn ranges(&self) -> Vec<Choice> {
        self.form.terms.ranges(DEFAULT_RANGE)
    }
}
