//! What can be wrong with a price file. Each fault names the file and the line and says what to write
//! instead; it renders as a `miette` diagnostic with the text around it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use crate::place::{Step, find, line_and_column, offset};

/// Longest text that is marked, in bytes: a fault of a whole provider shows where it begins.
const MARKED_BYTES_MAX: usize = 60;
/// What separates a message from its remedy.
const SEPARATOR: &str = ": ";

/// Why a price book could not be built. Nothing of the named file is taken over, and trying again
/// without changing it cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceBookError {
    /// The file is its author's to repair.
    #[error("{0}")]
    Faulty(Box<PriceFault>),
    /// The version of the content could not be computed; ours, not the author's.
    #[error("{file}: the prices could not be hashed: {reason}")]
    Unhashable {
        /// The last file laid.
        file: String,
        /// What the serialiser said.
        reason: String,
    },
}

/// One fault of a price file. Displayed as `file:line:column: message: remedy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceFault {
    text: NamedSource<Arc<str>>,
    /// Bytes of the text that are marked.
    span: (usize, usize),
    position: (usize, usize),
    message: String,
    remedy: String,
}

impl PriceFault {
    /// The name the file was given under.
    pub fn file(&self) -> &str {
        self.text.name()
    }

    /// Line of the fault, from 1.
    pub fn line(&self) -> usize {
        self.position.0
    }

    /// Column of the fault in bytes, from 1; for what is faulty as a whole the place where it ends.
    pub fn column(&self) -> usize {
        self.position.1
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for PriceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position;
        write!(f, "{}:{line}:{column}: {}{SEPARATOR}{}", self.file(), self.message, self.remedy)
    }
}

impl std::error::Error for PriceFault {}

impl Diagnostic for PriceFault {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.remedy))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (start, length) = self.span;
        let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), (start, length));
        Some(Box::new(std::iter::once(label)))
    }
}

impl Diagnostic for PriceBookError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fault().and_then(Diagnostic::help)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.fault().and_then(Diagnostic::source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.fault().and_then(Diagnostic::labels)
    }
}

/// Message and remedy of what was told. Our own texts hold both; of a parser's the second half says what
/// it expected, or nothing.
fn parts(told: &str) -> (&str, &str) {
    let parsers = ["unknown ", "invalid ", "missing ", "EOF ", "duplicate ", "expected "];
    if !parsers.iter().any(|start| told.starts_with(start)) {
        return told.split_once(SEPARATOR).unwrap_or((told, "correct the text here"));
    }
    if let Some((message, _)) = told.split_once(", expected ") {
        return (message, &told[message.len() + ", ".len()..]);
    }
    let remedy = match told.split_once(' ') {
        Some(("missing", _)) => "add it",
        Some(("EOF", _)) => "the text ends too early, close what is open",
        Some(("duplicate", _)) => "keep one",
        _ => "correct the text here",
    };
    (told, remedy)
}

impl PriceBookError {
    /// The fault of the file, where it is one.
    pub fn fault(&self) -> Option<&PriceFault> {
        match self {
            Self::Faulty(fault) => Some(fault),
            Self::Unhashable { .. } => None,
        }
    }

    fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        position: (usize, usize),
        told: &str,
    ) -> Self {
        let (message, remedy) = parts(told);
        Self::Faulty(Box::new(PriceFault {
            text: NamedSource::new(file, Arc::from(text)).with_language("json"),
            span: (span.start, span.len()),
            position,
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        }))
    }

    /// The error of a file that serde refused, with the position taken out of the text.
    pub(crate) fn malformed(file: &str, text: &str, error: &serde_json::Error) -> Self {
        let position = (error.line(), error.column());
        let told = error.to_string();
        let suffix = format!(" at line {} column {}", position.0, position.1);
        let told = told.strip_suffix(&suffix).unwrap_or(&told);
        // The place told is the end of what is wrong: what stands before it on its line is marked.
        let end = offset(text, position.0, position.1);
        let line = text.as_bytes().get(..end).unwrap_or_default();
        let of_line = line.iter().rev().take_while(|byte| **byte != b'\n').count();
        let start = end - of_line.min(MARKED_BYTES_MAX);
        Self::new(file, text, start..end, position, told)
    }

    /// What is wrong at the value a path leads to; `told` is the message, a colon and the remedy.
    pub(crate) fn at(file: &str, text: &str, path: &[Step<'_>], told: &str) -> Self {
        let found = find(text, path);
        let position = line_and_column(text, found.start);
        let end = found.end.min(found.start + MARKED_BYTES_MAX);
        Self::new(file, text, found.start..end, position, told)
    }
}
