//! What can go wrong between gateway and console, and what to do about it.

use std::error::Error;
use std::path::PathBuf;

use policy::PROTOCOL;

/// Longest detail of a console's error passed on, characters.
const DETAIL_CHARS_MAX: usize = 500;

/// Why the console gave nothing. None of it stops the gateway from serving what it has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The configured address is none; the operator's to mend.
    #[error("`{0}` is not the address of a console: write http(s)://host[:port]")]
    BadUrl(String),
    /// The configured certificates cannot be used; the operator's to mend.
    #[error("the CA file {} cannot be used: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS cannot be set up; the operator's to mend.
    #[error("TLS cannot be set up, name a CA file for the console: {0}")]
    Tls(String),
    /// No connection, or it broke; trying again helps.
    #[error("the console cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time; trying again helps.
    #[error("the console did not answer in time")]
    Late,
    /// The secret is not the console's; the operator's to mend.
    #[error(
        "the console refused this gateway's secret (401): give both halves the same link secret"
    )]
    Refused,
    /// The two halves are of versions that do not understand each other; the operator's to mend.
    #[error(
        "the console speaks another protocol (426): run the same version on both sides; this gateway speaks {PROTOCOL}, the console says: {0}"
    )]
    Protocol(String),
    /// It answered with an error; trying again may help.
    #[error("the console answered {status}: {detail}")]
    Status {
        /// Its status.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// Its answer is larger than any should be.
    #[error("the console's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// Its answer is not what was asked for.
    #[error("the console's answer cannot be understood: {0}")]
    Garbage(String),
}

impl LinkError {
    pub(super) fn garbage(error: &serde_json::Error) -> Self {
        Self::Garbage(error.to_string())
    }

    /// The error an answer tells.
    pub(super) fn answered(status: u16, body: &[u8]) -> Self {
        let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let told = ["detail", "title"].iter().find_map(|name| problem[*name].as_str());
        let detail: String =
            told.unwrap_or("nothing more").chars().take(DETAIL_CHARS_MAX).collect();
        match status {
            401 => Self::Refused,
            426 => Self::Protocol(detail),
            _ => Self::Status { status, detail },
        }
    }
}

/// An error of the HTTP client with its causes: it shows only the outermost by itself.
pub(super) fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_says_what_to_mend_says_it_to_the_operator() {
        let problem = br#"{"type":"about:blank","title":"no","detail":"console 2, gateway 1"}"#;
        let refused = LinkError::answered(401, problem).to_string();
        assert!(refused.contains("same link secret"), "{refused}");
        let other = LinkError::answered(426, problem).to_string();
        assert!(other.contains("same version") && other.contains("console 2"), "{other}");
        for body in [&b""[..], b"<html>", b"[]", b"{\"detail\":7}"] {
            let error = LinkError::answered(503, body);
            assert_eq!(error, LinkError::Status { status: 503, detail: "nothing more".into() });
        }
        let long = format!("{{\"detail\":\"{}\"}}", "x".repeat(5_000));
        assert!(LinkError::answered(500, long.as_bytes()).to_string().len() < 600);
    }
}
