//! What one check found, and what to do about it.

use std::fmt;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It works.
    Fine,
    /// It works, and something about it deserves a look.
    Warning,
    /// It does not work.
    Failed,
    /// It was not looked at.
    Skipped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Fine => "ok",
            State::Warning => "warning",
            State::Failed => "FAILED",
            State::Skipped => "skipped",
        })
    }
}

/// What one check found.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) what: String,
    /// How it ended.
    pub(super) state: State,
    /// What was seen.
    pub(super) said: String,
    /// What to do, where something is wrong.
    pub(super) remedy: Option<String>,
}

impl Finding {
    /// It works.
    pub(super) fn fine(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Fine, said: said.into(), remedy: None }
    }

    /// It was not looked at, and why.
    pub(super) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Skipped, said: why.into(), remedy: None }
    }

    /// It works, but.
    pub(super) fn warning(
        what: impl Into<String>,
        said: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (what, said, remedy) = (what.into(), said.into(), Some(remedy.into()));
        Self { what, state: State::Warning, said, remedy }
    }

    /// It does not work.
    pub(super) fn failed(
        what: impl Into<String>,
        said: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (what, said, remedy) = (what.into(), said.into(), Some(remedy.into()));
        Self { what, state: State::Failed, said, remedy }
    }
}
