//! The process's environment, read once, here and nowhere else.
//!
//! Must never show a value: variables hold secrets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// What variables that override the file start with.
const PREFIX: &str = "TOLLGATE__";

/// Environment variables, as they were when the process started.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The variables of this process.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// The variables given, for tests and for parts that run on a configuration of their own.
    pub fn of<N: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The value of one variable.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The variables that override the file: full name, the path it names in lower case, and value.
    pub(super) fn overrides(&self) -> impl Iterator<Item = (&str, Vec<String>, &OsStr)> {
        self.0.iter().filter_map(|(name, value)| {
            let name = name.to_str()?;
            let path = name.strip_prefix(PREFIX)?.split("__").map(str::to_lowercase).collect();
            Some((name, path, value.as_os_str()))
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_and_no_values() {
        let environment = Environment::of([("TOKEN", "hunter2")]);
        assert_eq!(format!("{environment:?}"), r#"{"TOKEN"}"#);
    }

    #[test]
    fn only_the_prefix_overrides() {
        let environment = Environment::of([("TOLLGATE__A__B_C", "1"), ("TOLLGATE_HOME", "/x")]);
        let found: Vec<_> = environment.overrides().map(|(name, path, _)| (name, path)).collect();
        assert_eq!(found, [("TOLLGATE__A__B_C", vec!["a".to_owned(), "b_c".to_owned()])]);
    }
}
