//! Which headers cross the gateway: never a credential, nor what concerns one connection only.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_core::protocols::http::ServerSession;
use pingora_http::ResponseHeader;

use super::address::Stored;
use crate::auth::KEY_HEADERS;

/// What concerns one connection (RFC 9110, 7.6.1, and what older software adds).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What the gateway says itself, or nobody else is to know. An answer in no encoding can be metered.
const OF_CLIENT: [&str; 9] = [
    "accept-encoding",
    "authorization",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "user-agent",
    "via",
];
/// Beginnings of what is said to gateways, and of signatures that are the client's.
const OF_GATEWAYS: [&str; 7] =
    ["x-tollgate-", "x-litellm-", "x-portkey-", "helicone-", "x-forwarded-", "x-amz-", "sec-"];
/// Endings of headers that choose or name an account: the account is the gateway's.
const OF_ACCOUNTS: [&str; 3] = ["-organization", "-project", "-organization-id"];
/// What an answer says for its own connection or to browsers.
const OF_PROVIDER: [&str; 4] =
    ["alt-svc", "content-length", "set-cookie", "strict-transport-security"];

/// What asks for a part of an answer. Two parts of results would share a line that is whole in neither.
const OF_PARTS: [&str; 2] = ["if-range", "range"];

/// The media type of a request's body; empty when it names none.
pub(super) fn content_type(down: &ServerSession) -> String {
    let kind = down.get_header("content-type").and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_owned()
}

/// The client's headers a provider is to see, by what of the things it keeps is asked for.
pub(super) fn of_request(
    headers: &HeaderMap,
    stored: Option<&Stored>,
) -> Vec<(HeaderName, HeaderValue)> {
    let named = connection_names(headers);
    let is_whole = matches!(stored, Some(Stored::Results(_)));
    let passes = |name: &&HeaderName| {
        let name = name.as_str();
        !(is_for_one_hop(name, &named)
            || OF_CLIENT.contains(&name)
            || KEY_HEADERS.contains(&name)
            || (is_whole && OF_PARTS.contains(&name))
            || OF_GATEWAYS.iter().any(|prefix| name.starts_with(prefix))
            || is_of_account(name))
    };
    let kept = headers.iter().filter(|(name, _)| passes(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The provider's headers a client is to see. Rate limits are told apart, under `x-upstream-`.
pub(super) fn of_answer(header: &ResponseHeader) -> Vec<(HeaderName, HeaderValue)> {
    let named = connection_names(&header.headers);
    let passes = |name: &&HeaderName| {
        let name = name.as_str();
        !(is_for_one_hop(name, &named)
            || OF_PROVIDER.contains(&name)
            || name.starts_with("x-tollgate-")
            || name.contains("ratelimit")
            || is_of_account(name))
    };
    let kept = header.headers.iter().filter(|(name, _)| passes(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn is_for_one_hop(name: &str, named: &[String]) -> bool {
    HOP_BY_HOP.contains(&name) || named.iter().any(|other| other == name)
}

fn is_of_account(name: &str) -> bool {
    OF_ACCOUNTS.iter().any(|suffix| name.ends_with(suffix))
}

/// Headers that `connection` says concern this connection only.
fn connection_names(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("connection").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_credentials_nor_what_is_said_to_the_gateway_reach_a_provider() {
        let mut headers = HeaderMap::new();
        for name in KEY_HEADERS.iter().chain(&OF_CLIENT).chain(&HOP_BY_HOP) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        for (name, value) in [
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("x-tollgate-customer", "c"),
            ("openai-organization", "org"),
            ("openai-project", "p"),
            ("x-amz-security-token", "t"),
            ("x-forwarded-for", "1.2.3.4"),
            ("content-type", "audio/wav"),
            ("anthropic-beta", "files"),
            ("x-amzn-trace-id", "t"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let passed = of_request(&headers, None);
        let mut names: Vec<&str> = passed.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["anthropic-beta", "content-type", "x-amzn-trace-id"]);
    }

    #[test]
    fn results_are_asked_for_whole() {
        let mut headers = HeaderMap::new();
        headers.insert("range", HeaderValue::from_static("bytes=0-99"));
        let results = Stored::Results("file-1".to_owned());
        assert_eq!(of_request(&headers, Some(&results)), []);
        assert_eq!(of_request(&headers, Some(&Stored::Files)).len(), 1);
    }

    #[test]
    fn an_answer_keeps_what_says_what_it_is() {
        let mut header = ResponseHeader::build(200, None).unwrap();
        for (name, value) in [
            ("content-type", "audio/mpeg"),
            ("content-disposition", "attachment"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a=b"),
            ("openai-organization", "org"),
            ("x-ratelimit-limit-requests", "1"),
            ("x-request-id", "req"),
        ] {
            header.insert_header(name, value).unwrap();
        }
        let kept = of_answer(&header);
        let mut names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-disposition", "content-type", "x-request-id"]);
    }
}
