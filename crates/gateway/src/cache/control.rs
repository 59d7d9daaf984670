//! What a client asks of the cache: in our header, in what other gateways call it, in HTTP's own,
//! or in LiteLLM's member of the body. What is asked anywhere holds; of two values the header's.

use std::time::Duration;

use events::ErrorClass;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;

const HEADER: &str = "x-tollgate-cache";
/// Longest namespace, bytes.
const NAMESPACE_BYTES_MAX: usize = 128;

/// What a client asks of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    /// Whether an answer may come from the cache: not with `no-cache` (the new answer is kept) nor
    /// with `no-store`.
    pub(crate) reads: bool,
    /// Whether the answer may be kept: not with `no-store`.
    pub(crate) stores: bool,
    /// Answers are shared within a namespace.
    pub(crate) namespace: String,
    /// Answers are kept, and may be, no older than this.
    ttl: Option<Duration>,
    /// Answers may be no older than this.
    age_max: Option<Duration>,
}

impl Default for Control {
    fn default() -> Self {
        Self { reads: true, stores: true, namespace: String::new(), ttl: None, age_max: None }
    }
}

/// LiteLLM's member of the body.
#[derive(Deserialize)]
struct Asked {
    ttl: Option<u64>,
    #[serde(rename = "s-maxage")]
    s_maxage: Option<u64>,
    #[serde(rename = "no-cache")]
    no_cache: Option<bool>,
    #[serde(rename = "no-store")]
    no_store: Option<bool>,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    cache: Option<&'a RawValue>,
}

impl Control {
    /// What the headers ask. A value that is none is an error that names its header.
    pub(crate) fn asked(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut control = Self::default();
        let text = |name: &'static str| {
            headers.get(name).map(|value| value.to_str().map(str::trim).map_err(|_| bad(name)))
        };
        for value in headers.get_all("cache-control") {
            for part in value.to_str().unwrap_or_default().split(',') {
                control.standard(&part.trim().to_ascii_lowercase());
            }
        }
        if let Some(value) = text("helicone-cache-enabled") {
            let is_off = !flag(value?).ok_or_else(|| bad("helicone-cache-enabled"))?;
            control.standard(if is_off { "no-store" } else { "" });
        }
        const REFRESH: &str = "x-portkey-cache-force-refresh";
        if let Some(value) = text(REFRESH) {
            let is_on = flag(value?).ok_or_else(|| bad(REFRESH))?;
            control.standard(if is_on { "no-cache" } else { "" });
        }
        const NAMESPACE: &str = "x-portkey-cache-namespace";
        if let Some(value) = text(NAMESPACE) {
            control.namespace = namespace(value?).ok_or_else(|| bad(NAMESPACE))?;
        }
        if let Some(value) = text(HEADER) {
            for part in value?.split(',').map(str::trim) {
                control.directive(part).ok_or_else(|| bad(HEADER))?;
            }
        }
        Ok(control)
    }

    /// Adds what the body's `cache` asks.
    pub(crate) fn with_body(mut self, body: &[u8]) -> Result<Self, Failure> {
        let found = serde_json::from_slice::<Body<'_>>(body).ok().and_then(|body| body.cache);
        let Some(raw) = found else { return Ok(self) };
        let asked: Asked = serde_json::from_str(raw.get()).map_err(|_| bad("cache"))?;
        if asked.no_cache == Some(true) {
            self.standard("no-cache");
        }
        if asked.no_store == Some(true) {
            self.standard("no-store");
        }
        let span = |seconds: Option<u64>| match seconds {
            Some(0) => Err(bad("cache")),
            seconds => Ok(seconds.map(Duration::from_secs)),
        };
        self.ttl = self.ttl.or(span(asked.ttl)?);
        self.age_max = span(asked.s_maxage)?;
        if let Some(name) = asked.namespace.filter(|_| self.namespace.is_empty()) {
            self.namespace = namespace(&name).ok_or_else(|| bad("cache"))?;
        }
        Ok(self)
    }

    /// How long an answer is kept on a route that keeps them for `of_route`.
    pub(crate) fn ttl(&self, of_route: Duration) -> Duration {
        self.ttl.map_or(of_route, |ttl| ttl.min(of_route))
    }

    /// How old an answer may be that would be kept for `ttl`.
    pub(crate) fn age_max(&self, ttl: Duration) -> Duration {
        self.age_max.map_or(ttl, |age| age.min(ttl))
    }

    /// HTTP's own directives; others do not concern this cache.
    fn standard(&mut self, directive: &str) {
        match directive {
            "no-cache" => self.reads = false,
            "no-store" => (self.reads, self.stores) = (false, false),
            _ => {}
        }
    }

    /// One part of our own header; `None` when it is none.
    fn directive(&mut self, part: &str) -> Option<()> {
        match part.split_once('=') {
            None if part == "no-cache" || part == "no-store" => self.standard(part),
            Some(("ttl", value)) => {
                let is_whole = value.bytes().all(|byte| byte.is_ascii_digit());
                let seconds = value.parse().ok().filter(|seconds| is_whole && *seconds > 0)?;
                self.ttl = Some(Duration::from_secs(seconds));
            }
            Some(("namespace", value)) => self.namespace = namespace(value)?,
            _ => return None,
        }
        Some(())
    }
}

fn flag(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

fn namespace(text: &str) -> Option<String> {
    let fits = (1..=NAMESPACE_BYTES_MAX).contains(&text.len());
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn bad(name: &str) -> Failure {
    let message = match name {
        HEADER => {
            "header `x-tollgate-cache` must be a list of `ttl=SECONDS` (above zero), `no-cache`, `no-store`, `namespace=NAME` (at most 128 bytes)".to_owned()
        }
        "cache" => {
            "`cache` must be an object of `ttl` and `s-maxage` (whole seconds above zero), `no-cache` and `no-store` (true or false), `namespace` (at most 128 bytes)".to_owned()
        }
        "x-portkey-cache-namespace" => format!("header `{name}` must be 1 to 128 bytes of text"),
        _ => format!("header `{name}` must be `true` or `false`"),
    };
    Failure {
        param: Some(name.to_owned()),
        ..Failure::new(ErrorClass::InvalidRequest, 400, "invalid_cache_control", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &str)]) -> Result<Control, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        Control::asked(&headers)
    }

    #[test]
    fn each_gateways_way_of_asking_is_understood() {
        let of = |reads, stores| Control { reads, stores, ..Control::default() };
        let named = |name: &str| Control { namespace: name.to_owned(), ..Control::default() };
        let ttl = |seconds| Control { ttl: Some(Duration::from_secs(seconds)), ..of(true, true) };
        for (name, value, expected) in [
            (HEADER, "no-cache", of(false, true)),
            (HEADER, "no-store", of(false, false)),
            (HEADER, "ttl=60", ttl(60)),
            (HEADER, "namespace=a b", named("a b")),
            (HEADER, "ttl=5, no-cache", Control { reads: false, ..ttl(5) }),
            ("x-portkey-cache-namespace", "n", named("n")),
            ("x-portkey-cache-force-refresh", "true", of(false, true)),
            ("x-portkey-cache-force-refresh", "False", of(true, true)),
            ("helicone-cache-enabled", "false", of(false, false)),
            ("helicone-cache-enabled", "true", of(true, true)),
            ("cache-control", "max-age=0, No-Cache", of(false, true)),
            ("cache-control", "no-store", of(false, false)),
        ] {
            assert_eq!(asked(&[(name, value)]).unwrap(), expected, "{name}: {value}");
        }
    }

    #[test]
    fn what_is_no_request_of_the_cache_is_refused_and_named() {
        for (name, value) in [
            (HEADER, ""),
            (HEADER, "ttl=0"),
            (HEADER, "ttl=+1"),
            (HEADER, "ttl=1.5"),
            (HEADER, "nocache"),
            (HEADER, "no-cache,"),
            (HEADER, "namespace="),
            ("x-portkey-cache-namespace", ""),
            ("x-portkey-cache-force-refresh", "1"),
            ("helicone-cache-enabled", "no"),
        ] {
            let failure = asked(&[(name, value)]).unwrap_err();
            assert_eq!((failure.status, failure.param.as_deref()), (400, Some(name)), "{value}");
            assert!(failure.message.contains(name), "{}", failure.message);
        }
        for body in [r#"{"cache":1}"#, r#"{"cache":{"ttl":0}}"#, r#"{"cache":{"no-cache":"x"}}"#] {
            let failure = Control::default().with_body(body.as_bytes()).unwrap_err();
            assert_eq!(failure.param.as_deref(), Some("cache"), "{body}");
        }
    }

    #[test]
    fn a_request_shortens_what_the_route_allows_and_never_lengthens_it() {
        let minute = Duration::from_secs(60);
        let second = Duration::from_secs(1);
        for (body, ttl, age_max) in [
            (r#"{}"#, minute, minute),
            (r#"{"cache":null}"#, minute, minute),
            (r#"{"cache":{"ttl":1}}"#, second, second),
            (r#"{"cache":{"ttl":600}}"#, minute, minute),
            (r#"{"cache":{"s-maxage":1}}"#, minute, second),
        ] {
            let control = Control::default().with_body(body.as_bytes()).unwrap();
            assert_eq!(control.ttl(minute), ttl, "{body}");
            assert_eq!(control.age_max(control.ttl(minute)), age_max, "{body}");
        }
    }
}
