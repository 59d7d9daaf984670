//! What can go wrong with alerts. Never carries the URL or the secret of a channel.

/// Why an alert could not be prepared, watched for or sent.
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    /// A channel as configured cannot work. Fault of the configuration.
    #[error("alert channel `{channel}`: {problem}")]
    Channel {
        /// Its name.
        channel: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The store failed; a retry may help.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// Figures could not be read; a retry may help.
    #[error("what is watched could not be read: {0}")]
    Inputs(String),
    /// Figures could not be written as JSON, or do not read back. Our fault.
    #[error("figures of an incident: {0}")]
    Figures(#[from] serde_json::Error),
    /// The HTTP client could not be built. Our fault.
    #[error("cannot build an http client")]
    Client,
}
