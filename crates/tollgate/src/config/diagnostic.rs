//! What people see of a bad configuration: every problem with file, line, snippet and remedy.
//!
//! Must never know how a problem was found.

use std::fmt;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use super::finding::{Finding, Findings, Place};

/// Columns a rendered report is wrapped at.
const REPORT_COLUMNS: usize = 100;

/// One problem of a configuration.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    message: String,
    help: Option<String>,
    source_text: Option<Arc<NamedSource<String>>>,
    labels: Vec<LabeledSpan>,
    line: Option<usize>,
}

impl Problem {
    /// The line of the file it is on, from 1; `None` when it is not in the file.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is written under the place.
    pub fn label(&self) -> Option<&str> {
        self.labels.first().and_then(LabeledSpan::label)
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source_text.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// All problems of a configuration, in the order of the file, those of the environment last.
#[derive(Debug, thiserror::Error)]
#[error("{summary}")]
pub struct ConfigDiagnostics {
    summary: String,
    problems: Vec<Problem>,
}

impl Diagnostic for ConfigDiagnostics {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

impl ConfigDiagnostics {
    /// The problems, at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The whole report for a terminal; without colours and box drawing when `plain`.
    pub fn render(&self, plain: bool) -> String {
        let theme = if plain { GraphicalTheme::none() } else { GraphicalTheme::unicode() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(REPORT_COLUMNS);
        let mut report = String::new();
        match handler.render_report(&mut report, self) {
            Ok(()) => report,
            Err(fmt::Error) => self.to_string(),
        }
    }

    /// The report on a file that could not be read at all.
    pub(super) fn unreadable(name: &str, reason: impl fmt::Display, help: &str) -> Self {
        let problem = Problem {
            message: format!("cannot read `{name}`: {reason}"),
            help: Some(help.to_owned()),
            source_text: None,
            labels: Vec::new(),
            line: None,
        };
        Self { summary: "there is no usable configuration".to_owned(), problems: vec![problem] }
    }

    /// The report on the problems found in a file and in the environment over it.
    pub(super) fn new(name: &str, text: &str, mut findings: Findings) -> Self {
        let shown = findings.masked_text(text);
        let file = Arc::new(NamedSource::new(name, shown).with_language("toml"));
        let mut found = std::mem::take(&mut findings.problems);
        found.sort_by_key(|finding| match &finding.place {
            Place::Span(span) => (0, span.start, String::new()),
            Place::Variable(name) => (1, 0, name.clone()),
        });
        let problems: Vec<_> =
            found.into_iter().map(|finding| problem(&file, text, finding)).collect();
        let many = if problems.len() == 1 { "problem" } else { "problems" };
        Self { summary: format!("`{name}` has {} {many}", problems.len()), problems }
    }
}

fn problem(file: &Arc<NamedSource<String>>, text: &str, finding: Finding) -> Problem {
    let Finding { place, message, label, help, also } = finding;
    let mut labels = Vec::new();
    let (source_text, line) = match place {
        Place::Span(span) => {
            let before = text.as_bytes().get(..span.start).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            labels.push(LabeledSpan::new_primary_with_span(Some(label), span));
            if let Some((Place::Span(span), label)) = also {
                labels.push(LabeledSpan::new_with_span(Some(label), span));
            }
            (Arc::clone(file), Some(line))
        }
        Place::Variable(name) => {
            labels.push(LabeledSpan::new_primary_with_span(Some(label), 0..name.len()));
            (Arc::new(NamedSource::new("environment", name)), None)
        }
    };
    Problem { message, help, source_text: Some(source_text), labels, line }
}
