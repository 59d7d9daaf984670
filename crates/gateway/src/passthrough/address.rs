//! Which addresses are passed on, to whom, and below which path of the provider's.
//!
//! Whatever stands in a path, it stays below the provider's base URL.

use std::borrow::Cow;

use events::{Dialect, ErrorClass};
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;

use super::PROVIDER_HEADER;
use crate::failure::Failure;

/// What everything below one provider begins with.
const PREFIX: &str = "/passthrough/";
/// Where clients expect the API's version.
const VERSIONS: [&str; 3] = ["/v1", "/openai/v1", "/openai"];
/// How often a path is decoded in search of what leads out of it: some servers decode twice.
const DECODINGS_MAX: usize = 3;

/// An address that is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    /// To whom.
    pub(crate) to: To,
    /// Path and query below its base URL.
    pub(crate) path: String,
    /// The operation as rows name it.
    pub(crate) endpoint: &'static str,
    /// What of the things providers keep for their clients it is about.
    pub(crate) stored: Option<Stored>,
}

/// What providers keep for their clients. Nothing is used by asking for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Files, one or all.
    Files,
    /// All batches: where one is made.
    Batches,
    /// One batch.
    Batch,
    /// What a file holds, or what became of a batch: the name of either.
    Results(String),
}

/// To whom a request goes that no model routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To {
    /// The provider of this name.
    Provider(String),
    /// The one that speaks this dialect.
    Dialect(Dialect),
}

/// What is to be passed on at an address; `None` for every other address.
///
/// # Errors
/// 400 for a path that would lead out of the provider's.
pub(crate) fn address(uri: &Uri, headers: &HeaderMap) -> Option<Result<Pass, Failure>> {
    let path = uri.path();
    let (to, below, endpoint) = match path.strip_prefix(PREFIX) {
        Some(rest) => {
            let (provider, _) = rest.split_once('/').unwrap_or((rest, ""));
            let below = rest.get(provider.len()..).unwrap_or_default();
            (To::Provider(provider.to_owned()), below, "passthrough")
        }
        None => stored(path, headers)?,
    };
    Some(safe(below).map(|below| {
        let is_dated = path.starts_with("/openai/") && !path.starts_with("/openai/v1/");
        let query = uri.query().map(|query| passed(query, is_dated));
        let query = query.filter(|query| !query.is_empty());
        let path = query.map_or_else(|| below.to_owned(), |query| format!("{below}?{query}"));
        Pass { to, path, endpoint, stored: kept(below) }
    }))
}

/// What providers keep for their clients: files and batches. It has no model.
fn stored<'p>(path: &'p str, headers: &HeaderMap) -> Option<(To, &'p str, &'static str)> {
    let below = VERSIONS.iter().find_map(|version| path.strip_prefix(version))?;
    let is_under = |place: &str| {
        let rest = below.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (dialect, endpoint) = if is_under("/messages/batches") {
        (Dialect::AnthropicMessages, "messages.batches")
    } else if is_under("/files") && headers.contains_key("anthropic-version") {
        (Dialect::AnthropicMessages, "files")
    } else if is_under("/files") {
        (Dialect::OpenaiChat, "files")
    } else if is_under("/batches") {
        (Dialect::OpenaiChat, "batches")
    } else {
        return None;
    };
    let named = headers.get(PROVIDER_HEADER).and_then(|name| name.to_str().ok());
    let to = named.map_or(To::Dialect(dialect), |name| To::Provider(name.trim().to_owned()));
    Some((to, below, endpoint))
}

/// What a path below a provider's base is about, of what it keeps.
fn kept(below: &str) -> Option<Stored> {
    let below = below.trim_end_matches('/');
    let below = VERSIONS.iter().find_map(|version| below.strip_prefix(version)).unwrap_or(below);
    let segments: Vec<&str> = below.split('/').skip(1).collect();
    match segments[..] {
        // However a name is written it is the same file.
        ["files", id, "content"] | ["messages", "batches", id, "results"] => {
            Some(Stored::Results(decoded(id).into_owned()))
        }
        ["files", ..] => Some(Stored::Files),
        ["batches"] | ["messages", "batches"] => Some(Stored::Batches),
        ["batches", ..] | ["messages", "batches", ..] => Some(Stored::Batch),
        _ => None,
    }
}

/// The model a path names as one cloud's do: `/model/{id}/converse`.
pub(crate) fn model(path: &str) -> Option<String> {
    let (name, _) = path.strip_prefix("/model/")?.split_once('/')?;
    (!name.is_empty()).then(|| decoded(name).into_owned())
}

/// The path, if it stays where it is put.
fn safe(path: &str) -> Result<&str, Failure> {
    let mut segments = path.split('/').skip(1).peekable();
    let mut is_safe = path.is_empty() || path.starts_with('/');
    while let Some(segment) = segments.next() {
        // An empty one in the middle is how `https://` begins.
        is_safe &= !segment.is_empty() || segments.peek().is_none();
        is_safe &= !leads_out(segment);
    }
    if is_safe { Ok(path) } else { Err(unsafe_path()) }
}

fn leads_out(segment: &str) -> bool {
    let mut segment = Cow::Borrowed(segment);
    for _ in 0..DECODINGS_MAX {
        let mut parts = segment.split(['/', '\\']);
        if parts.any(|part| part == "." || part == "..") || segment.contains(char::is_control) {
            return true;
        }
        segment = Cow::Owned(decoded(&segment).into_owned());
    }
    false
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The query without the place where some clients put their key, and without the version of addresses
/// that have no other: providers are asked below a base URL that has it.
fn passed(query: &str, is_dated: bool) -> String {
    let pairs = query.split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        match decoded(name).as_ref() {
            "key" | "api_key" | "api-key" | "access_token" => false,
            "api-version" => !is_dated,
            _ => true,
        }
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn unsafe_path() -> Failure {
    Failure::new(
        ErrorClass::InvalidRequest,
        400,
        "path_not_allowed",
        "the path must stay below the provider's base URL: write it without `.`, `..`, an empty part or another URL",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(uri: &str, header: Option<(&'static str, &str)>) -> Option<Result<Pass, u16>> {
        let headers = header
            .into_iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        address(&uri.parse().unwrap(), &headers).map(|pass| pass.map_err(|told| told.status))
    }

    #[test]
    fn each_address_goes_below_the_base_of_its_provider() {
        let anthropic = Some(("anthropic-version", "2023-06-01"));
        let named = || To::Provider("mine".to_owned());
        let speaks = To::Dialect;
        for (uri, header, to, path, endpoint) in [
            (
                "/passthrough/mine/fine_tuning/jobs?limit=2",
                None,
                named(),
                "/fine_tuning/jobs?limit=2",
                "passthrough",
            ),
            ("/passthrough/mine/", None, named(), "/", "passthrough"),
            ("/passthrough/mine", None, named(), "", "passthrough"),
            (
                "/passthrough/mine/models/a:b?key=tg_x&alt=sse",
                None,
                named(),
                "/models/a:b?alt=sse",
                "passthrough",
            ),
            (
                "/passthrough/mine/model/arn%3Aaws%2Fx/invoke",
                None,
                named(),
                "/model/arn%3Aaws%2Fx/invoke",
                "passthrough",
            ),
            ("/passthrough/mine/a...b/..c", None, named(), "/a...b/..c", "passthrough"),
            ("/v1/files", None, speaks(Dialect::OpenaiChat), "/files", "files"),
            (
                "/v1/files/file-1/content",
                None,
                speaks(Dialect::OpenaiChat),
                "/files/file-1/content",
                "files",
            ),
            ("/v1/files", anthropic, speaks(Dialect::AnthropicMessages), "/files", "files"),
            ("/v1/files", Some((PROVIDER_HEADER, "mine")), named(), "/files", "files"),
            (
                "/openai/v1/batches?limit=1",
                None,
                speaks(Dialect::OpenaiChat),
                "/batches?limit=1",
                "batches",
            ),
            (
                "/openai/files?api-version=2024-10-21&purpose=batch",
                None,
                speaks(Dialect::OpenaiChat),
                "/files?purpose=batch",
                "files",
            ),
            (
                "/openai/v1/batches?api-version=preview",
                None,
                speaks(Dialect::OpenaiChat),
                "/batches?api-version=preview",
                "batches",
            ),
            (
                "/v1/batches/b/cancel",
                None,
                speaks(Dialect::OpenaiChat),
                "/batches/b/cancel",
                "batches",
            ),
            (
                "/v1/messages/batches/b/results",
                None,
                speaks(Dialect::AnthropicMessages),
                "/messages/batches/b/results",
                "messages.batches",
            ),
        ] {
            let told = pass(uri, header).unwrap().unwrap();
            let seen = (told.to, told.path.as_str(), told.endpoint);
            assert_eq!(seen, (to, path, endpoint), "{uri}");
        }
    }

    #[test]
    fn what_a_provider_keeps_is_known_wherever_it_is_asked_for() {
        let results = |name: &str| Some(Stored::Results(name.to_owned()));
        for (uri, stored) in [
            ("/v1/files", Some(Stored::Files)),
            ("/v1/files/file-1", Some(Stored::Files)),
            ("/v1/files/file-1/content?x=1", results("file-1")),
            ("/v1/files/file%2D1/content/", results("file-1")),
            ("/passthrough/mine/files/file-1/content", results("file-1")),
            ("/passthrough/mine/openai/v1/files/file-1/content", results("file-1")),
            ("/v1/batches", Some(Stored::Batches)),
            ("/openai/v1/batches/b/cancel", Some(Stored::Batch)),
            ("/v1/messages/batches/", Some(Stored::Batches)),
            ("/v1/messages/batches/b", Some(Stored::Batch)),
            ("/passthrough/mine/messages/batches/b/results", results("b")),
            ("/passthrough/mine/fine_tuning/jobs", None),
            ("/passthrough/mine", None),
        ] {
            assert_eq!(pass(uri, None).unwrap().unwrap().stored, stored, "{uri}");
        }
    }

    #[test]
    fn other_addresses_are_none_of_it() {
        for uri in ["/v1/filesystem", "/v1/messages", "/files", "/v2/files", "/passthroughs/x/y"] {
            assert_eq!(pass(uri, None), None, "{uri}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_providers_base() {
        for below in [
            "/..",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/%2E%2e",
            "/a/.%2e/",
            "/%252e%252e/a",
            "//evil/a",
            "/a//b",
            "/https://evil/a",
            "/a%2f..%2fb",
            "/a%5c..%5cb",
            "/a%00b",
        ] {
            assert_eq!(pass(&format!("/passthrough/mine{below}"), None), Some(Err(400)), "{below}");
        }
        assert_eq!(pass("/v1/files/../chat", None), Some(Err(400)));
    }

    #[test]
    fn a_cloud_names_the_model_in_the_path() {
        assert_eq!(model("/model/us.x-v1%3A0/invoke").as_deref(), Some("us.x-v1:0"));
        assert_eq!((model("/model//invoke"), model("/models/x/y")), (None, None));
    }
}
