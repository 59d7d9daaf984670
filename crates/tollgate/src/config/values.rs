//! Values with a form of their own: URLs, time zones, key hashes. Parsed once, then never wrong.
//!
//! Must never connect to, look up or hash anything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use units::{BillingZone, PeriodError};
use url::Url;

/// An `http` or `https` URL that paths are appended to, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(String);

/// Why a text is not such a URL. Never repeats the text: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpUrlError {
    /// Not a URL at all.
    #[error("the URL cannot be read: {0}")]
    Malformed(String),
    /// Another scheme.
    #[error("the URL starts with neither `http://` nor `https://`")]
    Scheme,
    /// A user or password in it.
    #[error("the URL holds a user or password, which would be kept on disk in clear")]
    Credentials,
    /// A query or a fragment, after which no path can be appended.
    #[error("the URL has a query or a fragment, and paths are appended to it")]
    Tail,
}

impl HttpUrl {
    /// The URL as text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HttpUrl {
    type Err = HttpUrlError;
    fn from_str(text: &str) -> Result<Self, HttpUrlError> {
        let url = Url::parse(text).map_err(|error| HttpUrlError::Malformed(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HttpUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(HttpUrlError::Tail);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = HttpUrlError;
    fn try_from(text: String) -> Result<Self, HttpUrlError> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> String {
        url.0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A time zone by its IANA name; `UTC` by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(BillingZone);

impl Zone {
    /// The zone, as periods are cut by it.
    pub fn billing(&self) -> &BillingZone {
        &self.0
    }
}

impl TryFrom<String> for Zone {
    type Error = PeriodError;
    fn try_from(text: String) -> Result<Self, PeriodError> {
        BillingZone::named(&text).map(Self)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.0.name().to_owned()
    }
}

/// blake3 of a virtual key. Written back only in part, since whoever knows a hash can put it into
/// another gateway's file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

/// Why a text is not a hash. Never repeats the text: it may be the key itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key is declared by its blake3 hash, 64 hexadecimal digits")]
pub struct KeyHashError;

impl KeyHash {
    /// The 32 bytes of the hash.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight digits, enough to tell keys apart.
    fn masked(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        format!("{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;
    fn from_str(text: &str) -> Result<Self, KeyHashError> {
        if text.len() != 64 {
            return Err(KeyHashError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = pair.iter().try_fold(0, |value, digit| {
                let digit = char::from(*digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit.map(|digit| value << 4 | digit).ok_or(KeyHashError)
            })?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for KeyHash {
    type Error = KeyHashError;
    fn try_from(text: String) -> Result<Self, KeyHashError> {
        text.parse()
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> String {
        hash.masked()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_path_and_loses_its_last_slash() {
        let read = |text: &str| text.parse::<HttpUrl>().map(String::from);
        assert_eq!(read("https://api.example/v1/").as_deref(), Ok("https://api.example/v1"));
        assert_eq!(read("http://127.0.0.1:9000").as_deref(), Ok("http://127.0.0.1:9000"));
        assert_eq!(read("ftp://api.example"), Err(HttpUrlError::Scheme));
        assert_eq!(read("https://me:pass@api.example"), Err(HttpUrlError::Credentials));
        assert_eq!(read("https://api.example/?key=1"), Err(HttpUrlError::Tail));
        assert!(matches!(read("api.example/v1"), Err(HttpUrlError::Malformed(_))));
    }

    #[test]
    fn a_hash_is_read_whole_and_written_in_part() {
        let hash: KeyHash = format!("00ff1A2b{}", "0".repeat(56)).parse().unwrap();
        assert_eq!(hash.bytes()[..5], [0x00, 0xff, 0x1a, 0x2b, 0x00]);
        assert_eq!(String::from(hash.clone()), "00ff1a2b…");
        assert_eq!(format!("{hash:?}"), "KeyHash(00ff1a2b…)");
        for bad in ["", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(bad.parse::<KeyHash>(), Err(KeyHashError), "{bad}");
        }
    }
}
