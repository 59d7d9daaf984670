//! Usage read from what the vendor tells, in every combination it is told in.

use proptest::prelude::*;

use super::*;
use crate::json::text_of;

fn meters(json: &str) -> Vec<(&'static str, u64)> {
    read(json).unwrap().usage.meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect()
}

/// Name, usage as told, meters, whether the split of the cache is estimated.
type Case = (&'static str, &'static str, &'static [(&'static str, u64)], bool);

const CASES: &[Case] = &[
    (
        "plain",
        r#"{"promptTokenCount":11,"candidatesTokenCount":19,"totalTokenCount":30,"promptTokensDetails":[{"modality":"TEXT","tokenCount":11}]}"#,
        &[("input.text", 11), ("output.text", 19)],
        false,
    ),
    (
        "thoughts and tools stand beside",
        r#"{"promptTokenCount":17,"candidatesTokenCount":241,"totalTokenCount":772,"toolUsePromptTokenCount":102,"thoughtsTokenCount":412}"#,
        &[("input.text", 17), ("input.tool", 102), ("output.text", 241), ("reasoning", 412)],
        false,
    ),
    (
        "a cache told by modality",
        r#"{"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":1881},{"modality":"TEXT","tokenCount":15},{"modality":"VIDEO","tokenCount":15483}],"cachedContentTokenCount":17379,"candidatesTokenCount":68,"promptTokenCount":17713,"promptTokensDetails":[{"modality":"TEXT","tokenCount":16},{"modality":"VIDEO","tokenCount":15780},{"modality":"AUDIO","tokenCount":1917}],"thoughtsTokenCount":821}"#,
        &[
            ("input.text", 1),
            ("input.audio", 36),
            ("input.video", 297),
            ("cache_read.text", 15),
            ("cache_read.audio", 1881),
            ("cache_read.video", 15483),
            ("output.text", 68),
            ("reasoning", 821),
        ],
        false,
    ),
    (
        "an implicit cache over a mixed prompt is divided in proportion",
        r#"{"promptTokenCount":1000,"cachedContentTokenCount":101,"candidatesTokenCount":1,"promptTokensDetails":[{"modality":"TEXT","tokenCount":600},{"modality":"IMAGE","tokenCount":400}]}"#,
        &[
            ("input.text", 539),
            ("input.image", 360),
            ("cache_read.text", 61),
            ("cache_read.image", 40),
            ("output.text", 1),
        ],
        true,
    ),
    (
        "an implicit cache over text is text",
        r#"{"promptTokenCount":1000,"cachedContentTokenCount":900,"candidatesTokenCount":1}"#,
        &[("input.text", 100), ("cache_read.text", 900), ("output.text", 1)],
        false,
    ),
    (
        "details that tell less than the total",
        r#"{"promptTokenCount":432,"candidatesTokenCount":50,"promptTokensDetails":[{"modality":"TEXT","tokenCount":301},{"modality":"AUDIO","tokenCount":100}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":40}]}"#,
        &[("input.text", 332), ("input.audio", 100), ("output.text", 10), ("output.image", 40)],
        false,
    ),
    (
        "as a client library prints it, and nonsense",
        r#"{"prompt_token_count":"3","candidates_token_count":null,"cached_content_token_count":9,"prompt_tokens_details":7,"traffic_type":"ON_DEMAND_FLEX"}"#,
        &[("cache_read.text", 3)],
        false,
    ),
    ("nothing", "{}", &[], false),
];

#[test]
fn meters_are_disjoint_in_every_combination() {
    for (case, json, expected, estimated) in CASES {
        assert_eq!(meters(json), *expected, "{case}");
        assert_eq!(read(json).unwrap().estimated_split, *estimated, "{case}");
    }
    assert!(read("[]").is_none());
}

#[test]
fn the_kind_of_traffic_names_the_tier() {
    for (json, tier) in [
        (r#"{"trafficType":"ON_DEMAND_PRIORITY","serviceTier":"standard"}"#, Some("priority")),
        (r#"{"trafficType":"ON_DEMAND_FLEX"}"#, Some("flex")),
        (r#"{"trafficType":"PROVISIONED_THROUGHPUT"}"#, Some("provisioned_throughput")),
        (r#"{"trafficType":"TRAFFIC_TYPE_UNSPECIFIED","serviceTier":"FLEX"}"#, Some("flex")),
        (r#"{"serviceTier":"standard"}"#, Some("standard")),
        (r#"{"serviceTier":"unspecified"}"#, None),
        ("{}", None),
    ] {
        assert_eq!(read(json).unwrap().usage.service_tier.as_deref(), tier, "{json}");
    }
}

#[test]
fn searches_are_counted_as_each_generation_bills_them() {
    let told = queries(r#"{"webSearchQueries":["a","b"," "],"groundingChunks":[]}"#);
    assert_eq!(told, 2);
    assert_eq!(searches(Some("gemini-2.5-pro"), told), 1);
    assert_eq!(searches(Some("gemini-3-flash-preview"), told), 2);
    assert_eq!(searches(Some("gemini-2.5-pro"), 0), 0);
    assert_eq!(queries("{}") + queries("[]") + queries(r#"{"webSearchQueries":7}"#), 0);
}

fn usage_json(prompt: [u64; 4], cached: u64, told: Option<[u64; 4]>) -> String {
    let list = |tokens: [u64; 4]| {
        let details = MODALITIES.into_iter().zip(tokens);
        let details = details.map(|(m, n)| format!(r#"{{"modality":"{m}","tokenCount":{n}}}"#));
        details.collect::<Vec<_>>().join(",")
    };
    let total: u64 = prompt.iter().sum();
    let cache = told.map_or(String::new(), |t| format!(r#","cacheTokensDetails":[{}]"#, list(t)));
    format!(
        r#"{{"promptTokenCount":{total},"cachedContentTokenCount":{cached},"candidatesTokenCount":1,"promptTokensDetails":[{}]{cache}}}"#,
        list(prompt)
    )
}

proptest! {
    #[test]
    fn cache_and_prompt_add_up_to_what_was_told(
        prompt in prop::array::uniform4(0_u64..2000), cached in 0_u64..9000,
        told in prop::option::of(prop::array::uniform4(0_u64..2000)),
    ) {
        let meters = read(&usage_json(prompt, cached, told)).unwrap().usage.meters;
        let total: u64 = prompt.iter().sum();
        prop_assert_eq!(meters.input_tokens(), total);
        prop_assert_eq!(meters.cache_read_tokens(), cached.min(total));
        for (at, (uncached, cache)) in INPUT.into_iter().enumerate() {
            prop_assert_eq!(meters.get(uncached) + meters.get(cache), prompt[at]);
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_meters(counts in prop::collection::vec(0_u64..5000, 13)) {
        let all = [
            Meter::InputText, Meter::InputAudio, Meter::InputImage, Meter::InputVideo, Meter::InputTool,
            Meter::CacheReadText, Meter::CacheReadAudio, Meter::CacheReadImage, Meter::CacheReadVideo,
            Meter::OutputText, Meter::OutputAudio, Meter::OutputImage, Meter::Reasoning,
        ];
        let meters = all.into_iter().zip(counts).fold(Meters::NONE, |m, (meter, n)| m.with(meter, n));
        let again = read(&text_of(&UsageBody::new(&meters))).unwrap();
        prop_assert!(!again.estimated_split);
        prop_assert_eq!(again.usage.meters, meters);
    }
}
