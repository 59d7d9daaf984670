//! Usage in this dialect: read from any compatible provider into disjoint meters, and written back.
//!
//! Providers are told apart by the fields they send and by their own arithmetic, never by name.

use events::{Meter, Meters};
use serde::Serialize;
use serde_json::value::RawValue;
use units::Usd;

use crate::inclusive::{Names, meters, reported_cost};
use crate::json::Object;
use crate::reply::Usage;

/// Where this dialect keeps its counts.
const NAMES: Names = Names {
    input: "prompt_tokens",
    output: "completion_tokens",
    input_details: "prompt_tokens_details",
    output_details: "completion_tokens_details",
};

/// Reads a `usage` object. `tier` is the tier the answer as a whole names; the usage's own wins.
pub(super) fn read(json: &str, tier: Option<String>) -> Option<Usage> {
    Some(of(&Object::scan(json)?, tier))
}

/// The same of a `usage` object that was taken apart.
pub(super) fn of(usage: &Object<'_>, tier: Option<String>) -> Usage {
    let mut meters = meters(usage, &NAMES);
    meters.set(Meter::AudioSeconds, usage.count("prompt_audio_seconds"));
    let searches = ["server_tool_use_details", "server_tool_use"]
        .into_iter()
        .filter_map(|key| usage.child(key))
        .map(|tools| tools.count("web_search_requests"))
        .max();
    meters.set(Meter::WebSearch, searches.unwrap_or(0));
    Usage {
        meters,
        reported_cost: reported_cost(usage),
        service_tier: usage.text("service_tier").or(tier),
        ..Usage::default()
    }
}

/// Usage as this dialect words it. Sums include cache and reasoning, as OpenAI counts.
#[derive(Serialize)]
pub(super) struct UsageBody {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
    audio_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
}

impl UsageBody {
    pub(super) fn new(meters: &Meters, cost: Option<Usd>) -> Self {
        let (input, output) = (meters.input_tokens(), meters.output_tokens());
        Self {
            prompt_tokens: input,
            completion_tokens: output,
            total_tokens: input.saturating_add(output),
            prompt_tokens_details: PromptDetails {
                cached_tokens: meters.cache_read_tokens(),
                cache_write_tokens: meters.cache_write_tokens(),
                audio_tokens: meters.get(Meter::InputAudio),
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: meters.get(Meter::Reasoning),
                audio_tokens: meters.get(Meter::OutputAudio),
            },
            // The exact decimal is also a JSON number; a float would not keep it.
            cost: cost.and_then(|usd| RawValue::from_string(usd.to_string()).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meters(json: &str) -> Vec<(&'static str, u64)> {
        read(json, None).unwrap().meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect()
    }

    /// Name, usage as told, meters.
    type Case = (&'static str, &'static str, &'static [(&'static str, u64)]);

    const CASES: &[Case] = &[
        (
            "plain",
            r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"#,
            &[("input.text", 9), ("output.text", 3)],
        ),
        (
            "cache, audio and reasoning inside",
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10,"audio_tokens":5},"completion_tokens_details":{"reasoning_tokens":40,"audio_tokens":2,"rejected_prediction_tokens":3}}"#,
            &[
                ("input.text", 25),
                ("input.audio", 5),
                ("cache_read.text", 60),
                ("cache_write.5m", 10),
                ("output.text", 8),
                ("output.audio", 2),
                ("reasoning", 40),
            ],
        ),
        (
            "lifetimes of cache writes",
            r#"{"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":{"cache_write_tokens":30,"cache_write_tokens_details":{"ttl_30m_tokens":10,"ttl_12h_tokens":15}}}"#,
            &[
                ("input.text", 70),
                ("cache_write.5m", 5),
                ("cache_write.30m", 10),
                ("cache_write.12h", 15),
                ("output.text", 1),
            ],
        ),
        (
            "hits and misses",
            r#"{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":4,"completion_tokens_details":{"reasoning_tokens":5}}"#,
            &[("input.text", 4), ("cache_read.text", 8), ("output.text", 4), ("reasoning", 5)],
        ),
        (
            "cached at the top",
            r#"{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,"cached_tokens":8}"#,
            &[("input.text", 4), ("cache_read.text", 8), ("output.text", 9)],
        ),
        (
            "reasoning outside",
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":45,"completion_tokens_details":{"reasoning_tokens":30}}"#,
            &[("input.text", 10), ("output.text", 5), ("reasoning", 30)],
        ),
        (
            "reasoning inside, by the sum",
            r#"{"prompt_tokens":10,"completion_tokens":35,"total_tokens":45,"completion_tokens_details":{"reasoning_tokens":30}}"#,
            &[("input.text", 10), ("output.text", 5), ("reasoning", 30)],
        ),
        (
            "hidden thinking",
            r#"{"prompt_tokens":35,"completion_tokens":12,"total_tokens":109}"#,
            &[("input.text", 35), ("output.text", 12), ("reasoning", 62)],
        ),
        (
            "cache outside",
            r#"{"prompt_tokens":433,"completion_tokens":16,"total_tokens":3201,"prompt_tokens_details":{"cached_tokens":2752}}"#,
            &[("input.text", 433), ("cache_read.text", 2752), ("output.text", 16)],
        ),
        (
            "audio by time",
            r#"{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_audio_seconds":7}"#,
            &[("input.text", 3), ("output.text", 2), ("audio_seconds", 7)],
        ),
        (
            "nulls and nonsense",
            r#"{"prompt_tokens":3,"completion_tokens":null,"total_tokens":"x","prompt_tokens_details":null,"completion_tokens_details":[]}"#,
            &[("input.text", 3)],
        ),
    ];

    #[test]
    fn meters_are_disjoint_whatever_the_provider_counts_where() {
        for (case, json, expected) in CASES {
            assert_eq!(meters(json), *expected, "{case}");
        }
    }

    #[test]
    fn a_cost_the_provider_reports_is_read_exactly() {
        for (json, cost) in [
            (r#"{"cost":0.001875,"is_byok":false}"#, Some("0.001875")),
            (
                r#"{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":4.1148e-05}}"#,
                Some("0.000041148"),
            ),
            (
                r#"{"cost":0.000669,"cost_details":{"upstream_inference_cost":null}}"#,
                Some("0.000669"),
            ),
            (r#"{"cost_in_usd_ticks":1234567}"#, Some("0.0001234567")),
            (r#"{"cost":null}"#, None),
        ] {
            let reported = read(json, None).unwrap().reported_cost.map(|usd| usd.to_string());
            assert_eq!(reported.as_deref(), cost, "{json}");
        }
    }

    #[test]
    fn the_tier_is_that_of_the_answer_unless_usage_tells_its_own() {
        let tier = |json: &str| read(json, Some("flex".into())).unwrap().service_tier;
        assert_eq!(tier("{}").as_deref(), Some("flex"));
        assert_eq!(tier(r#"{"service_tier":"priority"}"#).as_deref(), Some("priority"));
        assert!(read("[]", None).is_none());
    }

    proptest! {
        #[test]
        fn input_and_output_never_exceed_what_was_told(
            prompt in 0_u64..1000, completion in 0_u64..1000, cached in 0_u64..1500, written in 0_u64..500, reasoning in 0_u64..1500, audio in 0_u64..99,
        ) {
            let json = format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached},"cache_write_tokens":{written},"audio_tokens":{audio}}},"completion_tokens_details":{{"reasoning_tokens":{reasoning},"audio_tokens":{audio}}}}}"#, prompt + completion);
            let meters = read(&json, None).unwrap().meters;
            let inclusive = cached + written <= prompt;
            prop_assert_eq!(meters.input_tokens(), if inclusive { prompt } else { prompt + cached + written });
            if inclusive && reasoning <= completion {
                prop_assert_eq!(meters.output_tokens(), completion);
            }
        }

        #[test]
        fn what_is_written_reads_back_as_the_same_meters(input in 0_u64..1000, read_cache in 0_u64..1000, write in 0_u64..1000, text in 0_u64..1000, thought in 0_u64..1000) {
            let meters = Meters::NONE.with(Meter::InputText, input).with(Meter::CacheReadText, read_cache).with(Meter::CacheWrite5m, write)
                .with(Meter::OutputText, text).with(Meter::Reasoning, thought);
            let json = serde_json::to_string(&UsageBody::new(&meters, Some(Usd::from_pico(1)))).unwrap();
            let is_exact = json.ends_with(r#""cost":0.000000000001}"#);
            prop_assert!(is_exact);
            prop_assert_eq!(read(&json, None).unwrap().meters, meters);
        }
    }
}
