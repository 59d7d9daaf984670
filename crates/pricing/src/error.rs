//! What can be wrong with a price file. Each error names the file and says what to write instead.

/// Why a price book could not be built. Always the author's of the named file to repair; nothing of
/// that file is taken over, and trying again without changing it cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceBookError {
    /// The file does not read as prices.
    #[error("{file}:{line}:{column}: {reason}")]
    Malformed {
        /// The name the file was given under.
        file: String,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1; for a faulty object the place where it ends.
        column: usize,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A provider borrows the models of one that no file describes.
    #[error(
        "{file}: provider `{provider}` falls back to `{fallback}`, which is no provider: write the id of one, or add it"
    )]
    UnknownFallback {
        /// The name the file was given under.
        file: String,
        /// The provider with the faulty `fallback`.
        provider: String,
        /// The id nothing is known of.
        fallback: String,
    },
    /// The version of the content could not be computed; ours, not the author's.
    #[error("{file}: the prices could not be hashed: {reason}")]
    Unhashable {
        /// The name the file was given under.
        file: String,
        /// What the serialiser said.
        reason: String,
    },
}

impl PriceBookError {
    /// The error of a file that serde refused, with the position taken out of the text.
    pub(crate) fn malformed(file: &str, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let position = format!(" at line {line} column {column}");
        let reason = text.strip_suffix(&position).unwrap_or(&text).to_owned();
        Self::Malformed { file: file.to_owned(), line, column, reason }
    }
}
