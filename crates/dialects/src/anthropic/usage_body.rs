//! Usage as this dialect words it: counts that exclude each other.

use events::{Meter, Meters};
use serde::Serialize;

use crate::reply::{Facts, Usage};

/// Tiers the dialect has a word for (the SDK's types, 2.12).
const TIERS: [&str; 3] = ["standard", "priority", "batch"];

/// Usage of an answer.
#[derive(Serialize)]
pub(super) struct UsageBody<'a> {
    #[serde(flatten)]
    counts: Counts,
    cache_creation: Lifetimes,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inference_geo: Option<&'a str>,
}

/// What the end of a stream tells again.
#[derive(Serialize)]
pub(super) struct Counts {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerTools>,
}

#[derive(Serialize)]
struct Lifetimes {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

#[derive(Serialize)]
struct ServerTools {
    web_search_requests: u64,
    web_fetch_requests: u64,
}

impl Counts {
    /// What is known of an answer. Without a word from the provider the output is an estimate,
    /// because clients insist on a number.
    pub(super) fn new(facts: &Facts) -> Self {
        match &facts.usage {
            Some(usage) => Self::of(&usage.meters),
            None => {
                let output = facts.estimated_output_tokens();
                Self::of(&Meters::NONE.with(Meter::OutputText, output))
            }
        }
    }

    fn of(meters: &Meters) -> Self {
        let (read, written) = (meters.cache_read_tokens(), meters.cache_write_tokens());
        let thinking_tokens = meters.get(Meter::Reasoning);
        let web_search_requests = meters.get(Meter::WebSearch);
        let tools = ServerTools { web_search_requests, web_fetch_requests: 0 };
        Self {
            input_tokens: meters.input_tokens().saturating_sub(read.saturating_add(written)),
            cache_creation_input_tokens: written,
            cache_read_input_tokens: read,
            output_tokens: meters.output_tokens(),
            output_tokens_details: (thinking_tokens > 0)
                .then_some(OutputDetails { thinking_tokens }),
            server_tool_use: (web_search_requests > 0).then_some(tools),
        }
    }
}

impl<'a> UsageBody<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        let usage = facts.usage.as_ref();
        let of = |meter| usage.map_or(0, |usage| usage.meters.get(meter));
        let word = |word: fn(&'a Usage) -> Option<&'a str>| usage.and_then(word);
        Self {
            counts: Counts::new(facts),
            cache_creation: Lifetimes {
                ephemeral_5m_input_tokens: of(Meter::CacheWrite5m)
                    .saturating_add(of(Meter::CacheWrite30m)),
                ephemeral_1h_input_tokens: of(Meter::CacheWrite1h)
                    .saturating_add(of(Meter::CacheWrite12h)),
            },
            service_tier: word(|usage| usage.service_tier.as_deref())
                .filter(|tier| TIERS.contains(tier)),
            speed: word(|usage| usage.speed.as_deref()),
            inference_geo: word(|usage| usage.inference_geo.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage;
    use super::*;
    use crate::json::text_of;
    use proptest::prelude::*;

    #[test]
    fn without_a_word_from_the_provider_the_output_is_an_estimate() {
        let mut facts = Facts::default();
        facts.output.push("one two three");
        let told = text_of(&Counts::new(&facts));
        assert!(told.contains(r#""input_tokens":0"#) && told.contains(r#""output_tokens":3"#));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_usage(
            counts in proptest::array::uniform7(0_u64..1000), speed in any::<bool>(), batch in any::<bool>(), geo in any::<bool>(),
        ) {
            let names = [Meter::InputText, Meter::CacheReadText, Meter::CacheWrite5m, Meter::CacheWrite1h, Meter::OutputText, Meter::Reasoning, Meter::WebSearch];
            let mut meters = Meters::NONE;
            for (meter, count) in names.into_iter().zip(counts) { meters.set(meter, count); }
            let usage = Usage {
                meters,
                reported_cost: None,
                service_tier: Some(if batch { "batch" } else { "standard" }.to_owned()),
                processing: batch.then(|| "batch".to_owned()),
                speed: speed.then(|| "fast".to_owned()),
                inference_geo: geo.then(|| "us".to_owned()),
            };
            let facts = Facts { usage: Some(usage.clone()), ..Facts::default() };
            let json = text_of(&UsageBody::new(&facts));
            prop_assert_eq!(usage::read(&json).unwrap().usage, usage);
        }
    }
}
