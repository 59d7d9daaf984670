//! The table of known providers: data, embedded, one row each.

use std::sync::LazyLock;

use events::Dialect;
use serde::Deserialize;
use units::Secret;

/// How a provider takes its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthScheme {
    /// `authorization: Bearer …`.
    Bearer,
    /// `x-api-key: …`.
    XApiKey,
    /// `api-key: …`.
    ApiKey,
    /// `x-goog-api-key: …`.
    XGoogApiKey,
    /// None is needed.
    None,
}

impl AuthScheme {
    /// The header that carries the credential: lower-case name and value.
    pub fn header(self, secret: &Secret) -> Option<(&'static str, String)> {
        match self {
            AuthScheme::Bearer => Some(("authorization", format!("Bearer {}", secret.expose()))),
            AuthScheme::XApiKey => Some(("x-api-key", secret.expose().to_owned())),
            AuthScheme::ApiKey => Some(("api-key", secret.expose().to_owned())),
            AuthScheme::XGoogApiKey => Some(("x-goog-api-key", secret.expose().to_owned())),
            AuthScheme::None => None,
        }
    }
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRow {
    /// Id, as the price book and the configuration name it.
    pub id: String,
    /// Base URL without a trailing slash; `{name}` stands for what the operator must fill in.
    pub base_url: String,
    /// Wire format it speaks there.
    pub dialect: Dialect,
    /// How it takes its credential.
    pub auth: AuthScheme,
    /// What is unusual there, for whoever sets it up; empty if nothing. What answers report is
    /// recognised by its fields instead.
    #[serde(default)]
    pub quirks: String,
    /// The provider's own page or package that the row comes from.
    pub source: String,
    /// When that was checked, `YYYY-MM-DD`.
    pub checked: String,
}

/// The embedded table does not parse: a fault of this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the embedded table of providers is not valid: {0}")]
pub struct ProviderTableError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    provider: Vec<ProviderRow>,
}

static TABLE: LazyLock<Result<Vec<ProviderRow>, ProviderTableError>> = LazyLock::new(|| {
    toml::from_str::<Table>(include_str!("../providers.toml"))
        .map(|table| table.provider)
        .map_err(|e| ProviderTableError(e.to_string()))
});

/// The known providers.
///
/// # Errors
/// The embedded table does not parse.
pub fn provider_table() -> Result<&'static [ProviderRow], ProviderTableError> {
    TABLE.as_deref().map_err(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_complete_and_named_once() {
        let rows = provider_table().unwrap();
        assert!(rows.len() >= 60, "{} rows", rows.len());
        let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
        assert_eq!(ids.len(), rows.len(), "an id is there twice");
        for row in rows {
            let is_local = row.base_url.starts_with("http://localhost:");
            assert!(is_local || row.base_url.starts_with("https://"), "{row:?}");
            assert!(!row.base_url.ends_with('/'), "{row:?}");
            assert!(
                row.source.starts_with("https://") || row.source.contains(" (PyPI)"),
                "{row:?}"
            );
            let checked: Vec<usize> = row.checked.split('-').map(str::len).collect();
            assert_eq!(checked, [4, 2, 2], "{row:?}");
        }
    }

    #[test]
    fn a_row_tells_the_header_of_its_credential() {
        let rows = provider_table().unwrap();
        let row = |id: &str| rows.iter().find(|row| row.id == id).unwrap();
        let header = |id: &str| row(id).auth.header(&Secret::new("k"));
        assert_eq!(row("anthropic").dialect, Dialect::AnthropicMessages);
        assert_eq!(header("anthropic"), Some(("x-api-key", "k".to_owned())));
        assert_eq!(header("azure"), Some(("api-key", "k".to_owned())));
        assert_eq!(header("google"), Some(("x-goog-api-key", "k".to_owned())));
        assert_eq!(header("groq"), Some(("authorization", "Bearer k".to_owned())));
        assert_eq!(header("ollama"), None);
    }
}
