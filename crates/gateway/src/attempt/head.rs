//! What the head of a provider's answer tells, read in one pass over its headers.

use dialects::{COST_HEADERS, COUNT_HEADERS, cost_of_header, meters_of_headers};
use events::Meters;
use http::{HeaderMap, HeaderName, HeaderValue};
use units::Usd;

/// Content types of streams: events, or the frames of one cloud.
const STREAMS: [&str; 2] = ["text/event-stream", "application/vnd.amazon.eventstream"];
/// Headers in which providers name a request; where there are several the first of these counts.
const REQUEST_IDS: [&str; 3] = ["x-request-id", "request-id", "x-amzn-requestid"];

/// The headers of an answer that concern the gateway.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) is_stream: bool,
    pub(crate) retry_after_s: Option<u32>,
    pub(crate) request_id: Option<String>,
    /// What a gateway behind this one says the answer cost.
    pub(crate) reported_cost: Option<Usd>,
    /// What was used, where they count it.
    pub(crate) counted: Option<Meters>,
    /// Rate-limit headers, under `x-upstream-`.
    pub(crate) limits: Vec<(HeaderName, HeaderValue)>,
}

impl Head {
    /// Reads the headers; a value that is no text counts as none.
    pub(super) fn of<'h>(headers: &'h HeaderMap) -> Self {
        let mut head = Self::default();
        let mut ids = [None; REQUEST_IDS.len()];
        let mut costs = [None; COST_HEADERS.len()];
        let mut counts = false;
        let text = |value: &'h HeaderValue| value.to_str().ok();
        for (name, value) in headers {
            match name.as_str() {
                "content-type" => head.is_stream |= text(value).is_some_and(is_stream),
                "retry-after" => head.retry_after_s = text(value).and_then(|s| s.parse().ok()),
                name if is_limit(name) => head.limits.extend(limit(name, value)),
                name => {
                    note(&REQUEST_IDS, &mut ids, (name, value));
                    note(&COST_HEADERS, &mut costs, (name, value));
                    counts |= name.starts_with(COUNT_HEADERS);
                }
            }
        }
        head.request_id = ids.into_iter().flatten().find_map(text).map(str::to_owned);
        // The headers of a stream leave before it has cost anything.
        if !head.is_stream {
            head.reported_cost =
                costs.into_iter().flatten().find_map(text).and_then(cost_of_header);
            let told = |name: &str| headers.get(name).and_then(text);
            head.counted = counts.then(|| meters_of_headers(told)).flatten();
        }
        head
    }
}

/// Keeps the first value of a header that is one of `names`, in its place.
fn note<'h>(
    names: &[&str],
    values: &mut [Option<&'h HeaderValue>],
    (name, value): (&str, &'h HeaderValue),
) {
    let place = names.iter().position(|known| *known == name).and_then(|at| values.get_mut(at));
    if let Some(place) = place {
        place.get_or_insert(value);
    }
}

/// Whether a header tells a limit of a rate: `x-ratelimit-…`, `anthropic-ratelimit-…`.
fn is_limit(name: &str) -> bool {
    name.split('-').take(3).any(|word| word == "ratelimit")
}

/// How clients are told of a provider's limit.
fn limit(name: &str, value: &HeaderValue) -> Option<(HeaderName, HeaderValue)> {
    let told = ["x-upstream-", name.strip_prefix("x-").unwrap_or(name)].concat();
    let told = HeaderName::from_bytes(told.as_bytes()).ok()?;
    value.to_str().is_ok().then(|| (told, value.clone()))
}

fn is_stream(kind: &str) -> bool {
    let starts = |stream: &&str| {
        kind.get(..stream.len()).is_some_and(|start| start.eq_ignore_ascii_case(stream))
    };
    STREAMS.iter().any(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&'static str, &'static str)]) -> Head {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Head::of(&HeaderMap::from_iter(headers))
    }

    #[test]
    fn the_more_telling_name_of_a_request_and_of_a_cost_counts_in_whatever_order_they_come() {
        let told = head(&[
            ("x-amzn-requestid", "third"),
            ("x-litellm-response-cost", "1"),
            ("x-request-id", "first"),
            ("x-tollgate-cost-usd", "2"),
            ("retry-after", "7"),
        ]);
        assert_eq!(told.request_id.as_deref(), Some("first"));
        assert_eq!(told.reported_cost, Some(Usd::from_dollars(2)));
        assert_eq!((told.retry_after_s, told.is_stream), (Some(7), false));
    }

    #[test]
    fn limits_of_rates_are_told_as_the_providers_and_counts_are_read() {
        let told = head(&[
            ("x-ratelimit-remaining-tokens", "9"),
            ("anthropic-ratelimit-requests-limit", "8"),
            ("x-amzn-bedrock-input-token-count", "5"),
        ]);
        let limits = [
            ("x-upstream-ratelimit-remaining-tokens", "9"),
            ("x-upstream-anthropic-ratelimit-requests-limit", "8"),
        ];
        let limits = limits
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        assert_eq!(told.limits, limits);
        assert_eq!(told.counted.map(|meters| meters.input_tokens()), Some(5));
    }

    #[test]
    fn a_stream_is_known_by_its_type_and_its_headers_know_no_cost() {
        for (kind, is_stream) in [
            ("text/event-stream; charset=utf-8", true),
            ("Text/Event-Stream", true),
            ("application/vnd.amazon.eventstream", true),
            ("application/json", false),
            ("text/e", false),
        ] {
            let told = head(&[("content-type", kind), ("x-tollgate-cost-usd", "2")]);
            assert_eq!((told.is_stream, told.reported_cost.is_none()), (is_stream, is_stream));
        }
    }
}
