//! Signatures of requests: version 4 of Amazon's scheme. Every request is signed with its own words,
//! so that nobody on the way can change it, and with the time, so that nobody can repeat it later.
//!
//! Pure: clock, credentials and the final body are passed in.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use units::{Secret, UnixMicros};

/// The service calls are signed for.
pub const SIGNING_SERVICE: &str = "bedrock";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Most colons in the text of credentials: two parts, or three.
const PARTS_MAX: usize = 3;

/// Credentials of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// Id of the access key, `AKIA…` or `ASIA…`; it is told in every request.
    pub access_key_id: String,
    /// The key itself, which never leaves the process.
    pub secret_access_key: Secret,
    /// Token of a temporary key.
    pub session_token: Option<Secret>,
}

impl AwsCredentials {
    /// Reads credentials from one text: `access key id:secret access key` and, for temporary ones,
    /// `:session token`. `None` for anything else, such as an API key.
    pub fn parse(secret: &Secret) -> Option<Self> {
        let parts: Vec<&str> = secret.expose().trim().splitn(PARTS_MAX, ':').collect();
        let (id, key, token) = match parts[..] {
            [id, key] => (id, key, None),
            [id, key, token] => (id, key, Some(token)),
            _ => return None,
        };
        let is_id =
            id.len() >= 16 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let is_token = token.is_none_or(|token| !token.is_empty() && !token.contains(':'));
        (is_id && !key.is_empty() && is_token).then(|| Self {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(key),
            session_token: token.map(Secret::new),
        })
    }
}

/// Where a signature counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningScope<'a> {
    /// Region of the endpoint, such as `us-east-1`.
    pub region: &'a str,
    /// Name the service signs under: `bedrock`.
    pub service: &'a str,
}

/// What is signed: the request as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// Method, upper case.
    pub method: &'a str,
    /// The `host` header.
    pub host: &'a str,
    /// Path and query to the letter, percent-encoded as they are sent.
    pub path: &'a str,
    /// Other headers to be signed, lower-case names. Headers that proxies change must not be among
    /// them; none need be.
    pub headers: &'a [(&'a str, &'a str)],
    /// The whole body.
    pub body: &'a [u8],
}

/// The headers that sign a request: `authorization`, `x-amz-date` and, for temporary credentials,
/// `x-amz-security-token`. They are good for five minutes around `at`.
pub fn sign(
    request: &SignedRequest<'_>,
    credentials: &AwsCredentials,
    scope: &SigningScope<'_>,
    at: UnixMicros,
) -> Vec<(&'static str, String)> {
    let instant = instant(at);
    let day = instant.get(..8).unwrap_or_default();
    let token = credentials.session_token.as_ref().map(Secret::expose);
    let mut headers: Vec<(&str, String)> =
        request.headers.iter().map(|(name, value)| (*name, trimmed(value))).collect();
    headers.push(("host", trimmed(request.host)));
    headers.push(("x-amz-date", instant.clone()));
    headers.extend(token.map(|token| ("x-amz-security-token", token.to_owned())));
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let place = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let canonical = canonical(request, &headers, &names);
    let text = format!("{ALGORITHM}\n{instant}\n{place}\n{}", hex(&Sha256::digest(canonical)));
    let secret = format!("AWS4{}", credentials.secret_access_key.expose());
    let key = [day, scope.region, scope.service, "aws4_request"]
        .into_iter()
        .fold(secret.into_bytes(), |key, part| keyed(&key, part));
    let id = &credentials.access_key_id;
    let signature = hex(&keyed(&key, &text));
    let told = format!(
        "{ALGORITHM} Credential={id}/{place}, SignedHeaders={names}, Signature={signature}"
    );
    let mut out = vec![("authorization", told), ("x-amz-date", instant)];
    out.extend(token.map(|token| ("x-amz-security-token", token.to_owned())));
    out
}

/// The request in the one form both sides sign.
fn canonical(request: &SignedRequest<'_>, headers: &[(&str, String)], names: &str) -> String {
    let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
    // The path is encoded once more than it is sent: the service checks it as it arrived.
    let path = if path.is_empty() { "/".to_owned() } else { encoded(path, true) };
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let body = hex(&Sha256::digest(request.body));
    format!("{}\n{path}\n{}\n{lines}\n{names}\n{body}", request.method, pairs.join("&"))
}

/// The text with every byte as `%XX` but letters, digits and `-._~`; slashes stay in a path.
pub(super) fn encoded(text: &str, keep_slashes: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        let stays = byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || (keep_slashes && byte == b'/');
        if stays {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A header's value without outer white space and with single spaces inside.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// `20150830T123600Z`.
fn instant(at: UnixMicros) -> String {
    let seconds = UnixMicros::new(at.get().div_euclid(1_000_000).saturating_mul(1_000_000));
    seconds.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length is taken, so that there is no failure to report.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
