//! What can go wrong with a simulator itself, as opposed to the errors it plays.

use std::net::SocketAddr;

/// Why a simulator or its traffic could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}: {source}")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The HTTP client of the live traffic could not be built.
    #[error("cannot build an http client: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a text is not a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// No such word.
    #[error("`{0}` is not a word of a simulator script")]
    UnknownWord(String),
    /// A word's value is missing, not a number, or out of bounds.
    #[error("`{word}` of a simulator script cannot be `{value}`")]
    BadValue {
        /// The word.
        word: String,
        /// What stood after `=`.
        value: String,
    },
}
