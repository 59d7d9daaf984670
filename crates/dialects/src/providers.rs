//! The table of known providers: data, embedded, one row each.

use std::sync::LazyLock;

use events::Dialect;
use serde::Deserialize;
use units::Secret;

use crate::dispatch::auth_headers;
use crate::quirks::Quirk;

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
    /// What it takes otherwise than its dialect has it; acted on by [`crate::adapt`], or where the quirk says.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
    /// What whoever sets it up should know; empty if nothing. What answers report is recognised by its
    /// fields.
    #[serde(default)]
    pub note: String,
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

/// How a provider takes its credential: by the table's row of its name, else by that of its URL; `None`
/// for one the table does not know, or whose row says that none is needed: then the dialect's own way
/// ([`crate::auth_headers`]) holds.
pub fn auth_of(name: &str, dialect: Dialect, base_url: &str) -> Option<AuthScheme> {
    let auth = row_of(name, dialect, base_url)?.auth;
    Some(auth).filter(|auth| *auth != AuthScheme::None)
}

/// What a provider takes otherwise than its dialect has it: by the table's row of its name, else by that
/// of its URL; nothing for one the table does not know.
pub fn quirks_of(name: &str, dialect: Dialect, base_url: &str) -> &'static [Quirk] {
    row_of(name, dialect, base_url).map_or(&[], |row| &row.quirks)
}

fn row_of(name: &str, dialect: Dialect, base_url: &str) -> Option<&'static ProviderRow> {
    let rows = provider_table().ok()?.iter().filter(|row| row.dialect == dialect);
    let by_name = rows.clone().find(|row| row.id == name);
    by_name.or_else(|| rows.clone().find(|row| row.is_at(base_url)))
}

/// Headers that carry the credential of a provider which takes it in a way of its own, beside what else
/// its dialect wants with every call.
pub fn credential_headers(
    dialect: Dialect,
    auth: Option<AuthScheme>,
    secret: &Secret,
) -> Vec<(&'static str, String)> {
    let mut headers = auth_headers(dialect, secret);
    let is_credential = |name: &str| CREDENTIALS.contains(&name);
    // What signs its calls sends no credential, whatever else could be sent there.
    if let Some(own) = auth.and_then(|auth| auth.header(secret))
        && headers.iter().any(|(name, _)| is_credential(name))
    {
        headers.retain(|(name, _)| !is_credential(name));
        headers.push(own);
    }
    headers
}

impl ProviderRow {
    /// Whether a URL is the row's, with something in the place of each `{name}`.
    fn is_at(&self, url: &str) -> bool {
        let mut pieces = self.base_url.split('{');
        let Some(mut rest) = pieces.next().and_then(|first| url.strip_prefix(first)) else {
            return false;
        };
        let mut told = 0;
        for piece in pieces {
            let literal = piece.split_once('}').map_or("", |(_, literal)| literal);
            told += literal.len();
            match rest.find(literal) {
                Some(at) => rest = &rest[at + literal.len()..],
                None => return false,
            }
        }
        // A row that leaves its whole host to the operator is nobody's in particular.
        !self.base_url.contains("://{") || told >= HOST_BYTES_MIN
    }
}

/// Headers that may carry a credential.
const CREDENTIALS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
/// Fixed bytes a URL with a host of the operator's must have to be recognised.
const HOST_BYTES_MIN: usize = 16;

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

    #[test]
    fn a_provider_has_the_quirks_of_its_row_under_whatever_name() {
        let chat = Dialect::OpenaiChat;
        let both = [Quirk::MaxTokensOnly, Quirk::NoStreamOptions];
        for (name, dialect, url, quirks) in [
            ("mistral", chat, "http://x", &both[..]),
            ("ours", chat, "https://api.mistral.ai/v1", &both),
            ("ours", chat, "https://api.deepseek.com/v1", &[Quirk::MaxTokensOnly]),
            ("openai", chat, "https://api.openai.com/v1", &[]),
            ("ours", chat, "http://localhost:9", &[]),
            ("mistral", Dialect::AnthropicMessages, "http://x", &[]),
            ("vertex", Dialect::GeminiGenerate, "http://x", &[Quirk::PredictsVectors]),
            ("google", Dialect::GeminiGenerate, "http://x", &[]),
        ] {
            assert_eq!(quirks_of(name, dialect, url), quirks, "{name} {url}");
        }
    }

    #[test]
    fn a_provider_is_sent_its_credential_as_its_row_says_and_not_as_its_dialect_usually_does() {
        let vertex = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google";
        let sent = |name, dialect, url| {
            let headers =
                credential_headers(dialect, auth_of(name, dialect, url), &Secret::new("k"));
            headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
        };
        for (name, dialect, url, expected) in [
            ("vertex", Dialect::GeminiGenerate, "http://x", "authorization: Bearer k"),
            ("ours", Dialect::GeminiGenerate, vertex, "authorization: Bearer k"),
            ("google", Dialect::GeminiGenerate, "http://x", "x-goog-api-key: k"),
            ("ours", Dialect::GeminiGenerate, "http://x", "x-goog-api-key: k"),
            ("azure", Dialect::OpenaiChat, "http://x", "api-key: k"),
            ("ours", Dialect::OpenaiChat, "http://x", "authorization: Bearer k"),
            // A server of one's own may well want a key.
            ("ollama", Dialect::OpenaiChat, "http://x", "authorization: Bearer k"),
        ] {
            assert_eq!(sent(name, dialect, url), [expected], "{name} {url}");
        }
        let mantle = sent("bedrock-mantle", Dialect::AnthropicMessages, "http://x");
        assert_eq!(mantle.len(), 2, "the version stays: {mantle:?}");
        assert!(mantle.contains(&"authorization: Bearer k".to_owned()));
        let account = Secret::new("AKIAIOSFODNN7EXAMPLE:key");
        let bedrock = Dialect::BedrockConverse;
        assert_eq!(credential_headers(bedrock, Some(AuthScheme::Bearer), &account), []);
    }
}
