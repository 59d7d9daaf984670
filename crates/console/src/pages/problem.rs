//! The page every error is shown as to people.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use super::layout::Layout;
use crate::ConsoleState;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    layout: Layout,
    status: u16,
    title: &'a str,
    /// The detail's pieces, and whether each is code.
    detail: Vec<(bool, &'a str)>,
}

/// The problem as a page, with its status.
pub(crate) fn page(state: &ConsoleState, problem: &Problem) -> Result<Response, askama::Error> {
    let page = ProblemPage {
        layout: Layout::outside(state, problem.title.to_owned()),
        status: problem.status.as_u16(),
        title: problem.title,
        detail: pieces(&problem.detail),
    };
    Ok((problem.status, Html(page.render()?)).into_response())
}

/// Text with code between backquotes, in pieces.
pub(super) fn pieces(text: &str) -> Vec<(bool, &str)> {
    text.split('`').enumerate().map(|(i, piece)| (i % 2 == 1, piece)).collect()
}
