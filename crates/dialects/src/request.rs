//! A request as the gateway handles it: what is read from it, where it goes, what became of it.

use std::collections::{BTreeMap, HashSet};

use events::{Dialect, Fault};

use crate::sent::SentBody;

/// What the gateway needs to know of a request before it routes it, read in one pass without a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peek {
    /// Model (or route) asked for; never empty.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the client asked to be told the usage of a stream.
    pub wants_usage: bool,
    /// Most tokens to produce, tokens; `None` when the client set no limit.
    pub max_output_tokens: Option<u64>,
    /// How many answers are asked for, at least 1.
    pub choices: u32,
    /// End user as the client names them.
    pub user: Option<String>,
    /// Session or conversation as the client names it.
    pub session_id: Option<String>,
    /// Metadata entries that are text, numbers or booleans.
    pub metadata: BTreeMap<String, String>,
    /// Entries of `metadata.tags`.
    pub tags: Vec<String>,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Wire format the provider speaks.
    pub dialect: Dialect,
    /// Model as the provider names it.
    pub model: &'a str,
    /// Most tokens the gateway will pay for, tokens; the client's own limit is lowered to it.
    pub max_output_tokens: Option<u64>,
    /// Whether parameters the target cannot carry are dropped (and named) instead of refused.
    pub drop_params: bool,
}

/// A request ready for its target.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Body to send; the client's own bytes when nothing had to change.
    pub body: SentBody,
    /// What the body no longer says, by the client's parameter names, each once.
    pub dropped: Vec<String>,
    /// Headers this body needs beside those of [`crate::auth_headers`]; they replace equal names.
    pub headers: Vec<(&'static str, String)>,
    /// Most tokens the provider was told to produce, tokens; `None` when it was told no limit.
    pub max_output_tokens: Option<u64>,
}

/// Why a request cannot be understood or carried. Always the client's fault; a retry never helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or not an object.
    #[error("the body is not valid JSON: {message} at line {line} column {column}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 at the very start.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// Not UTF-8.
    #[error("the body is not UTF-8: byte {offset} does not belong")]
    NotUtf8 {
        /// Offset of the first byte that does not belong.
        offset: usize,
    },
    /// A parameter that must be there is not.
    #[error("`{param}` is required")]
    Missing {
        /// The parameter.
        param: String,
    },
    /// A parameter has a value it cannot have.
    #[error("`{param}` is not valid: {message}")]
    Invalid {
        /// The parameter.
        param: String,
        /// What is wrong with it.
        message: String,
    },
    /// The chosen model cannot be asked this.
    #[error("`{param}` cannot be carried to this model: {message}")]
    Unsupported {
        /// The parameter.
        param: String,
        /// Why.
        message: String,
    },
    /// No translation exists between two dialects.
    #[error(
        "a request of this kind in {from} cannot be translated to {to}: choose a model whose provider serves it"
    )]
    NoTranslation {
        /// Dialect of the client.
        from: Dialect,
        /// Dialect of the target.
        to: Dialect,
    },
}

impl RequestError {
    /// The parameter at fault, as the client wrote it.
    pub fn param(&self) -> Option<&str> {
        match self {
            RequestError::Missing { param }
            | RequestError::Invalid { param, .. }
            | RequestError::Unsupported { param, .. } => Some(param),
            _ => None,
        }
    }

    /// A stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            RequestError::Malformed { .. } | RequestError::NotUtf8 { .. } => "invalid_json",
            RequestError::Missing { .. } => "missing_required_parameter",
            RequestError::Invalid { .. } => "invalid_value",
            RequestError::Unsupported { .. } => "unsupported_parameter",
            RequestError::NoTranslation { .. } => "unsupported_dialect",
        }
    }

    /// Who caused it.
    pub const fn fault(&self) -> Fault {
        Fault::Client
    }

    pub(crate) fn missing(param: &str) -> Self {
        RequestError::Missing { param: param.to_owned() }
    }

    pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        RequestError::Invalid { param: param.into(), message: message.into() }
    }

    pub(crate) fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        RequestError::Unsupported { param: param.into(), message: message.into() }
    }

    /// The same error under another name of the parameter.
    pub(crate) fn renamed(mut self, name: impl Fn(&str) -> String) -> Self {
        if let RequestError::Missing { param }
        | RequestError::Invalid { param, .. }
        | RequestError::Unsupported { param, .. } = &mut self
        {
            *param = name(param);
        }
        self
    }

    /// From a syntax error; positions are those of the whole body.
    pub(crate) fn malformed(error: &serde_json::Error) -> Self {
        RequestError::Malformed {
            line: error.line(),
            column: error.column(),
            message: without_position(error),
        }
    }
}

/// The message of a JSON error without its position, which the caller gives or which would mislead.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]).to_owned()
}

/// The body as text.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, RequestError> {
    std::str::from_utf8(body).map_err(|e| RequestError::NotUtf8 { offset: e.valid_up_to() })
}

/// What an encoder cannot carry: refused, or named.
#[derive(Debug)]
pub(crate) struct Losses {
    drop_params: bool,
    names: Vec<String>,
    /// The same names: a request may ask for a hundred thousand things.
    noted: HashSet<String>,
}

impl Losses {
    pub(crate) fn new(drop_params: bool) -> Self {
        Self { drop_params, names: Vec::new(), noted: HashSet::new() }
    }

    /// A parameter that changes the answer: refused unless the route opted in to dropping.
    pub(crate) fn lose(&mut self, param: &str, why: &str) -> Result<(), RequestError> {
        if !self.drop_params {
            return Err(RequestError::unsupported(param, why));
        }
        self.note(param);
        Ok(())
    }

    /// A hint whose loss is named but never refused.
    pub(crate) fn note(&mut self, param: &str) {
        if !self.noted.contains(param) {
            self.noted.insert(param.to_owned());
            self.names.push(param.to_owned());
        }
    }

    pub(crate) fn into_names(self) -> Vec<String> {
        self.names
    }
}
