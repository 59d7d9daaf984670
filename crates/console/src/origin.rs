//! The address browsers know this console by, and which origins may post to it.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;

/// Why a text is not a public URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a public URL: write scheme, host and port without a path, such as https://costs.example.com"
)]
pub struct PublicUrlError(String);

/// The scheme, host and port browsers reach the console at, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    is_https: bool,
    host: String,
    port: Option<u16>,
}

impl PublicUrl {
    /// Whether browsers reach it over TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether a request that came from a page of `origin` may change something here. Someone who
    /// types `localhost` for `127.0.0.1` is on the same machine, so loopback names are one.
    pub(crate) fn accepts(&self, origin: &str) -> bool {
        let Ok(other) = origin.parse::<PublicUrl>() else { return false };
        *self == other
            || (self.is_https == other.is_https
                && self.port == other.port
                && is_loopback(&self.host)
                && is_loopback(&other.host))
    }
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let refused = || PublicUrlError(text.chars().take(200).collect());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refused()),
        };
        let authority = uri.authority().ok_or_else(refused)?;
        let plain = uri.path() == "/" && uri.query().is_none();
        if !plain || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(refused());
        }
        let standard = if is_https { 443 } else { 80 };
        let port = authority.port_u16().filter(|port| *port != standard);
        Ok(Self { is_https, host: authority.host().to_ascii_lowercase(), port })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_console_s_own_origin_may_post() {
        let costs: PublicUrl = "https://Costs.example.com/".parse().unwrap();
        let local: PublicUrl = "http://127.0.0.1:4001".parse().unwrap();
        for (own, origin, expected) in [
            (&costs, "https://costs.example.com", true),
            (&costs, "https://costs.example.com:443", true),
            (&costs, "http://costs.example.com", false),
            (&costs, "https://costs.example.com.evil.test", false),
            (&costs, "https://evil.test", false),
            (&costs, "null", false),
            (&costs, "", false),
            (&local, "http://localhost:4001", true),
            (&local, "http://[::1]:4001", true),
            (&local, "http://localhost:4000", false),
            (&local, "http://localhost.evil.test:4001", false),
        ] {
            assert_eq!(own.accepts(origin), expected, "{own} {origin}");
        }
        assert!(!costs.accepts("https://localhost"));
    }

    #[test]
    fn a_public_url_is_scheme_host_and_port_only() {
        assert_eq!("http://h:80".parse::<PublicUrl>().unwrap().to_string(), "http://h");
        for bad in ["costs.example.com", "ftp://h", "https://h/x", "https://u@h", "https://h/?q"] {
            let error = bad.parse::<PublicUrl>().unwrap_err().to_string();
            assert!(error.contains("is not a public URL"), "{error}");
        }
    }
}
