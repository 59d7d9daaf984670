//! Where a secret is found, and finding it. The configuration itself never holds one.
//!
//! Must never put the text of a secret, or of what might be one, into an error.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use units::Secret;

use super::Config;
use super::environment::Environment;

/// Largest secret, bytes: far above any key, far below what would hurt.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Where a secret is found: `env:NAME` or `file:/path`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file; white space around it is ignored.
    File(PathBuf),
}

/// A text that is not a reference, and may therefore be the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is not written here, only where to find it: `env:NAME` or `file:/path`")]
pub struct NotAReference;

impl FromStr for SecretRef {
    type Err = NotAReference;
    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() && name.bytes().all(in_name) => {
                Ok(SecretRef::Env(name.to_owned()))
            }
            Some(("file", path)) if !path.is_empty() => Ok(SecretRef::File(PathBuf::from(path))),
            _ => Err(NotAReference),
        }
    }
}

impl TryFrom<String> for SecretRef {
    type Error = NotAReference;
    fn try_from(text: String) -> Result<Self, NotAReference> {
        text.parse()
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> String {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Why a secret could not be had. Names where it was looked for, never what was found.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("environment variable `{0}` is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("file `{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing there but white space.
    #[error("`{0}` is empty")]
    Empty(SecretRef),
    /// It cannot be sent as a header: more than 64 KiB, not UTF-8, or not one line.
    #[error("`{0}` does not hold one line of text")]
    NotOneLine(SecretRef),
}

impl SecretRef {
    /// The secret, without white space around it.
    pub fn resolve(&self, environment: &Environment) -> Result<Secret, SecretError> {
        let bytes = match self {
            SecretRef::Env(name) => environment
                .var(name)
                .map(|value| value.as_encoded_bytes().to_vec())
                .ok_or_else(|| SecretError::Unset(name.clone()))?,
            SecretRef::File(path) => read_bounded(path)
                .map_err(|source| SecretError::Unreadable { path: path.clone(), source })?,
        };
        let too_long = u64::try_from(bytes.len()).unwrap_or(u64::MAX) > SECRET_BYTES_MAX;
        let not_one_line = || SecretError::NotOneLine(self.clone());
        let text = std::str::from_utf8(&bytes).map_err(|_| not_one_line())?.trim();
        if text.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        if too_long || text.chars().any(char::is_control) {
            return Err(not_one_line());
        }
        Ok(Secret::new(text))
    }
}

/// The file's first bytes, one more than a secret may have.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The secrets that could not be had, each with the provider that needs it.
#[derive(Debug)]
pub struct SecretsUnresolved(pub Vec<(String, SecretError)>);

impl fmt::Display for SecretsUnresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (provider, error)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}api_key of provider `{provider}`: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SecretsUnresolved {}

impl Config {
    /// The key of every provider that has one, by the provider's name; or all that are missing.
    pub fn resolve_secrets(
        &self,
        environment: &Environment,
    ) -> Result<BTreeMap<String, Secret>, SecretsUnresolved> {
        let mut secrets = BTreeMap::new();
        let mut missing = Vec::new();
        for provider in &self.providers {
            let Some(reference) = &provider.api_key else { continue };
            match reference.resolve(environment) {
                Ok(secret) => drop(secrets.insert(provider.name.to_string(), secret)),
                Err(error) => missing.push((provider.name.to_string(), error)),
            }
        }
        if missing.is_empty() { Ok(secrets) } else { Err(SecretsUnresolved(missing)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_are_references() {
        assert_eq!("env:OPENAI_API_KEY".parse(), Ok(SecretRef::Env("OPENAI_API_KEY".into())));
        assert_eq!("file:/run/key".parse(), Ok(SecretRef::File("/run/key".into())));
        for bad in ["", "sk-live-1", "env:", "file:", "env:sk-live-1", "ENV:X", "env:A B"] {
            assert_eq!(bad.parse::<SecretRef>(), Err(NotAReference), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_read_without_the_newline_editors_leave() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "sk-1\n").unwrap();
        let environment = Environment::of([("KEY", "sk-2")]);
        let read = |reference: &str| {
            let reference: SecretRef = reference.parse().unwrap();
            reference.resolve(&environment).map(|secret| secret.expose().to_owned())
        };
        assert_eq!(read(&format!("file:{}", path.display())).unwrap(), "sk-1");
        assert_eq!(read("env:KEY").unwrap(), "sk-2");
    }

    #[test]
    fn an_error_says_where_and_never_what() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("two-lines");
        std::fs::write(&path, "sk-secret\nsk-other").unwrap();
        let environment = Environment::of([("BLANK", " \n")]);
        let error = |reference: String| {
            let reference: SecretRef = reference.parse().unwrap();
            reference.resolve(&environment).unwrap_err().to_string()
        };
        assert_eq!(error("env:NOPE".into()), "environment variable `NOPE` is not set");
        assert_eq!(error("env:BLANK".into()), "`env:BLANK` is empty");
        let two_lines = error(format!("file:{}", path.display()));
        assert!(two_lines.ends_with("does not hold one line of text"), "{two_lines}");
        assert!(!two_lines.contains("sk-"), "{two_lines}");
        assert!(error("file:/nowhere/at/all".into()).contains("`/nowhere/at/all` cannot be read"));
        std::fs::write(&path, "x".repeat(70_000)).unwrap();
        assert!(error(format!("file:{}", path.display())).contains("does not hold one line"));
    }
}
