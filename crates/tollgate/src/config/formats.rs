//! The forms a text may have, by the name the schema gives them, each with its check and remedy.
//!
//! The checks are the parsers of the types themselves, so that what passes here also becomes a
//! [`Config`](super::Config).

use std::net::SocketAddr;

use jiff::Timestamp;
use policy::Scope;
use units::{Label, Slug, Usd};

use super::secret::SecretRef;
use super::storage::Database;
use super::values::{HttpUrl, KeyHash, Zone};

/// Longest model or route name, bytes.
const MODEL_NAME_BYTES_MAX: usize = 256;

/// A form a text may have.
pub(super) struct Format {
    name: &'static str,
    /// What is written under a text that does not have it.
    pub(super) label: &'static str,
    /// What to write instead.
    pub(super) help: &'static str,
    /// Whether what was written may be a secret and must not be shown.
    pub(super) sensitive: bool,
    /// Why a text does not have it.
    pub(super) check: fn(&str) -> Result<(), String>,
}

/// The form of a name.
pub(super) fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

const fn open(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> Format {
    Format { name, label, help, sensitive: false, check }
}

const fn sensitive(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> Format {
    Format { name, label, help, sensitive: true, check }
}

const FORMATS: &[Format] = &[
    open(
        "slug",
        "not a slug",
        "a slug is kept in history and never changes: `search`, `eu-west.1`",
        |text| said(text.parse::<Slug>()),
    ),
    open("label", "not a name", "write at least one visible character", |text| {
        said(Label::try_from(text.to_owned()))
    }),
    open(
        "model-name",
        "not a model name",
        "write the name as clients or the provider write it: `gpt-5.4`, `meta-llama/llama-4`",
        model_name,
    ),
    open(
        "scope",
        "not a scope",
        "write `organisation`, or a kind and a name: `team:search`, `project:autocomplete`, \
         `key:key_…`, `user:ada`, `customer:initech`, `model:gpt-5.4`",
        |text| said(text.parse::<Scope>()),
    ),
    open("usd", "not an amount", "write plain dollars as text: \"100.00\"", usd),
    open(
        "socket-address",
        "not an address and port",
        "write an IP address and a port: `127.0.0.1:4000`, `0.0.0.0:4000`, `[::1]:4000`",
        |text| {
            let unreadable = |_| format!("`{text}` is not an IP address and a port");
            text.parse::<SocketAddr>().map(drop).map_err(unreadable)
        },
    ),
    open(
        "time-zone",
        "not a time zone",
        "write an IANA name: `UTC`, `Europe/Berlin`, `America/New_York`",
        |text| said(Zone::try_from(text.to_owned())),
    ),
    open("instant", "not an instant", "write date, time and zone: 2027-01-31T00:00:00Z", |text| {
        let unreadable = |_| format!("`{text}` is not a date and time with a zone");
        text.parse::<Timestamp>().map(drop).map_err(unreadable)
    }),
    sensitive(
        "http-url",
        "not a usable URL",
        "write scheme, host and path: `https://api.example.com/v1`; a key goes into `api_key`",
        |text| said(text.parse::<HttpUrl>()),
    ),
    sensitive(
        "secret-reference",
        "not a reference",
        "keep the secret in an environment variable and write \"env:NAME\", or in a file and write \
         \"file:/path\"; if this was a real key, replace it: it has been on disk in clear",
        |text| said(text.parse::<SecretRef>()),
    ),
    sensitive(
        "blake3",
        "not a blake3 hash",
        "hash the key, never write the key itself: `printf %s \"$KEY\" | b3sum`",
        |text| said(text.parse::<KeyHash>()),
    ),
    sensitive(
        "database",
        "not a database Tollgate can use",
        "write \"sqlite\" for a file in `data_dir`, \"sqlite:///path/to/tollgate.db\", \
         \"postgres://user@host/database\", or \"env:NAME\" for a URL with a password",
        |text| said(Database::try_from(text.to_owned())),
    ),
];

/// Only the error of a parser, in words.
fn said<T, E: ToString>(parsed: Result<T, E>) -> Result<(), String> {
    parsed.map(drop).map_err(|error| error.to_string())
}

fn model_name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a model name must not be empty".to_owned());
    }
    let visible = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if visible && text.len() <= MODEL_NAME_BYTES_MAX {
        return Ok(());
    }
    let shown: String = text.chars().take(80).collect();
    Err(format!("`{shown}` is not a model name: at most 256 bytes, without spaces"))
}

fn usd(text: &str) -> Result<(), String> {
    let amount: Usd = text.parse().map_err(|error: units::UsdError| error.to_string())?;
    if amount < Usd::ZERO { Err(format!("`{text}` is below zero")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `format` of a schema, wherever it is.
    fn formats_of(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(object) => {
                found.extend(object.get("format").and_then(|f| f.as_str()).map(str::to_owned));
                object.values().for_each(|value| formats_of(value, found));
            }
            serde_json::Value::Array(values) => values.iter().for_each(|v| formats_of(v, found)),
            _ => {}
        }
    }

    #[test]
    fn every_form_the_schema_names_is_checked() {
        let mut named = Vec::new();
        formats_of(&super::super::json_schema(), &mut named);
        named.retain(|name| !name.starts_with("uint"));
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            assert!(format(&name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_never_repeated() {
        for format in FORMATS.iter().filter(|format| format.sensitive) {
            for text in ["hunter2", "ftp://me:hunter2@host", "postgres://me:hunter2@[/db"] {
                let error = (format.check)(text).unwrap_err();
                assert!(!error.contains("hunter2"), "{}: {error}", format.name);
            }
        }
    }
}
