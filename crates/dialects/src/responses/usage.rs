//! Usage in this dialect: counts that include their parts, tools counted from what was output.

use events::{Meter, Meters};
use serde::Serialize;
use serde_json::value::RawValue;
use units::Usd;

use crate::inclusive::{Names, meters, reported_cost};
use crate::json::{List, Object, whole};
use crate::metered::Metered;
use crate::reply::{ExtraUsage, Facts, Usage};

/// Where this dialect keeps its counts.
const NAMES: Names = Names {
    input: "input_tokens",
    output: "output_tokens",
    input_details: "input_tokens_details",
    output_details: "output_tokens_details",
};

/// Model of the image tool when the request names none (OpenAI's SDK, 3.54).
const IMAGE_MODEL: &str = "gpt-image-2.6-sunburst";

/// Reads a usage object, or a whole response that has one, with the tools it used.
pub(crate) fn read_usage(json: &str) -> Option<Metered> {
    let object = Object::scan(json)?;
    if object.child("usage").is_none() {
        return Some(Metered::from(of_usage(&object)));
    }
    let mut facts = Facts::default();
    note(&object, &mut facts);
    let usage = facts.usage?;
    Some(Metered { usage, extra: facts.extra, model: object.text("model"), estimated_split: false })
}

/// Reads the usage of a whole response into the facts; nothing while the provider tells none.
pub(super) fn note(response: &Object<'_>, facts: &mut Facts) {
    let Some(told) = response.child("usage") else { return };
    let mut usage = of_usage(&told);
    // `auto` is what was asked, never what was served.
    let tier = response.text("service_tier").filter(|tier| tier != "auto");
    usage.service_tier = usage.service_tier.take().or(tier);
    facts.extra.clear();
    if let Some(output) = response.get("output") {
        count_output(output, &mut usage.meters, facts);
    }
    if let Some(tools) = response.child("tool_usage") {
        // The provider's own count of billable searches, where it gives one.
        let searches = tools.child("web_search").and_then(|web| web.get("num_requests"));
        if let Some(searches) = searches.and_then(whole) {
            usage.meters.set(Meter::WebSearch, searches);
        }
        facts.extra.extend(tools.child("image_gen").and_then(|told| images(&told, response)));
    }
    facts.usage = Some(usage);
}

/// The tokens of a usage object, and the calls of tools that some providers count in it.
fn of_usage(usage: &Object<'_>) -> Usage {
    let mut meters = meters(usage, &NAMES);
    if let Some(tools) = usage.child("server_side_tool_usage_details") {
        for (meter, key) in [
            (Meter::WebSearch, "web_search_calls"),
            (Meter::XSearch, "x_search_calls"),
            (Meter::FileSearch, "file_search_calls"),
            (Meter::CodeExec, "code_interpreter_calls"),
        ] {
            meters.set(meter, tools.count(key));
        }
    }
    let service_tier = usage.text("service_tier");
    Usage { meters, reported_cost: reported_cost(usage), service_tier, ..Usage::default() }
}

/// Counts the calls of the provider's tools among the items of an output. A count the usage itself
/// gave is the larger one wherever an item is left out, so the larger of both stands.
fn count_output(output: &str, meters: &mut Meters, facts: &mut Facts) {
    let Ok(items) = serde_json::from_str::<List<&RawValue>>(output) else { return };
    let mut counted = Meters::NONE;
    for item in items.0 {
        let Some(item) = Object::scan(item.get()) else { continue };
        match item.text("type").as_deref() {
            // Opening a page and finding in it are parts of a search that was counted.
            Some("web_search_call") if is_search(&item) => counted.add(Meter::WebSearch, 1),
            Some("file_search_call") => counted.add(Meter::FileSearch, 1),
            Some("code_interpreter_call") => counted.add(Meter::CodeExec, 1),
            Some("image_generation_call") => {
                facts.extra.extend(item.child("svg_usage").map(|told| ExtraUsage {
                    kind: "svg".to_owned(),
                    model: told.text("model"),
                    usage: svg(&told),
                }));
            }
            _ => {}
        }
    }
    for (meter, calls) in counted.iter() {
        meters.set(meter, calls.max(meters.get(meter)));
    }
}

fn is_search(item: &Object<'_>) -> bool {
    let action = item.child("action").and_then(|action| action.text("type"));
    action.is_none_or(|action| action == "search")
}

/// What the image tool used, on a model of its own; `None` when it used nothing.
fn images(told: &Object<'_>, response: &Object<'_>) -> Option<ExtraUsage> {
    let mut meters = meters(told, &NAMES);
    if let Some(cached) = told.child("cached_tokens_details") {
        let images = cached.count("cached_image_tokens").min(meters.get(Meter::CacheReadText));
        meters.set(Meter::CacheReadText, meters.get(Meter::CacheReadText) - images);
        meters.set(Meter::CacheReadImage, images);
    }
    if told.child("output_tokens_details").is_none() {
        // A tool that only draws.
        meters.set(Meter::OutputImage, meters.get(Meter::OutputText));
        meters.set(Meter::OutputText, 0);
    }
    let model = image_model(response).unwrap_or_else(|| IMAGE_MODEL.to_owned());
    let usage = Usage { meters, ..Usage::default() };
    let kind = "image_generation".to_owned();
    (!meters.is_empty()).then_some(ExtraUsage { kind, model: Some(model), usage })
}

fn image_model(response: &Object<'_>) -> Option<String> {
    let tools: List<&RawValue> = serde_json::from_str(response.get("tools")?).ok()?;
    let mut tools = tools.0.into_iter().filter_map(|tool| Object::scan(tool.get()));
    tools.find(|tool| tool.text("type").as_deref() == Some("image_generation"))?.text("model")
}

/// What the author of an SVG image used: reasoning is told beside, not in an object of details.
fn svg(told: &Object<'_>) -> Usage {
    let output = told.count("output_tokens");
    let reasoning = told.count("reasoning_tokens").min(output);
    let meters = Meters::NONE
        .with(Meter::InputText, told.count("input_tokens"))
        .with(Meter::Reasoning, reasoning)
        .with(Meter::OutputText, output - reasoning);
    Usage { meters, ..Usage::default() }
}

/// Usage as this dialect words it. Sums include cache and reasoning.
#[derive(Serialize)]
pub(super) struct UsageBody {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl UsageBody {
    pub(super) fn new(meters: &Meters, cost: Option<Usd>) -> Self {
        let (input, output) = (meters.input_tokens(), meters.output_tokens());
        Self {
            input_tokens: input,
            input_tokens_details: InputDetails {
                cached_tokens: meters.cache_read_tokens(),
                cache_write_tokens: meters.cache_write_tokens(),
            },
            output_tokens: output,
            output_tokens_details: OutputDetails { reasoning_tokens: meters.get(Meter::Reasoning) },
            total_tokens: input.saturating_add(output),
            // The exact decimal is also a JSON number; a float would not keep it.
            cost: cost.and_then(|usd| RawValue::from_string(usd.to_string()).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meters_of(usage: &Usage) -> Vec<(&'static str, u64)> {
        usage.meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect()
    }

    /// Name, response, meters.
    type Case = (&'static str, &'static str, &'static [(&'static str, u64)]);

    const CASES: &[Case] = &[
        (
            "cache read and written, reasoning",
            r#"{"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":60,"cache_write_tokens":30,"cache_write_tokens_details":{"ttl_30m_tokens":20,"ttl_12h_tokens":10}},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":40},"total_tokens":150}}"#,
            &[
                ("input.text", 10),
                ("cache_read.text", 60),
                ("cache_write.30m", 20),
                ("cache_write.12h", 10),
                ("output.text", 10),
                ("reasoning", 40),
            ],
        ),
        (
            "only searches are billed of a search's actions",
            r#"{"usage":{"input_tokens":1,"output_tokens":1},"output":[
                {"type":"web_search_call","action":{"type":"search","query":"a"}},
                {"type":"web_search_call","action":{"type":"open_page"}},
                {"type":"web_search_call","action":{"type":"find_in_page"}},
                {"type":"web_search_call"},{"type":"file_search_call"},
                {"type":"code_interpreter_call"},{"type":"function_call"},{"type":"message"}]}"#,
            &[
                ("input.text", 1),
                ("output.text", 1),
                ("web_search", 2),
                ("file_search", 1),
                ("code_exec", 1),
            ],
        ),
        (
            "the provider's own count of searches stands",
            r#"{"usage":{"input_tokens":1,"output_tokens":1},"output":[{"type":"web_search_call"},{"type":"web_search_call"}],"tool_usage":{"web_search":{"num_requests":1},"image_gen":{"input_tokens":0,"output_tokens":0}}}"#,
            &[("input.text", 1), ("output.text", 1), ("web_search", 1)],
        ),
        (
            "tools counted in the usage",
            r#"{"usage":{"input_tokens":1,"output_tokens":1,"server_side_tool_usage_details":{"web_search_calls":3,"x_search_calls":2}},"output":[{"type":"web_search_call"}]}"#,
            &[("input.text", 1), ("output.text", 1), ("web_search", 3), ("x_search", 2)],
        ),
    ];

    #[test]
    fn meters_are_disjoint_and_tools_are_counted() {
        for (case, json, expected) in CASES {
            assert_eq!(meters_of(&read_usage(json).unwrap().usage), *expected, "{case}");
        }
    }

    #[test]
    fn images_and_drawings_are_billed_on_their_own_models() {
        let metered = read_usage(
            r#"{"model":"gpt-x","usage":{"input_tokens":9,"output_tokens":3},
            "tools":[{"type":"web_search"},{"type":"image_generation","model":"painter"}],
            "output":[{"type":"image_generation_call","svg_usage":{"model":"author","input_tokens":5,"output_tokens":7,"reasoning_tokens":4,"total_tokens":12}}],
            "tool_usage":{"web_search":{"num_requests":0},"image_gen":{"input_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens":272,"output_tokens_details":{"image_tokens":272,"text_tokens":0},"total_tokens":322}}}"#,
        )
        .unwrap();
        assert_eq!(metered.model.as_deref(), Some("gpt-x"));
        let extra: Vec<_> = metered
            .extra
            .iter()
            .map(|extra| (extra.kind.as_str(), extra.model.as_deref(), meters_of(&extra.usage)))
            .collect();
        assert_eq!(
            extra,
            [
                (
                    "svg",
                    Some("author"),
                    vec![("input.text", 5), ("output.text", 3), ("reasoning", 4)]
                ),
                (
                    "image_generation",
                    Some("painter"),
                    vec![("input.text", 10), ("input.image", 40), ("output.image", 272)]
                ),
            ]
        );
    }

    #[test]
    fn the_tier_is_the_one_served_and_the_cost_the_one_reported() {
        let usage = |json| read_usage(json).unwrap().usage;
        let told = usage(
            r#"{"service_tier":"flex","usage":{"input_tokens":1,"cost_in_usd_ticks":1234567}}"#,
        );
        assert_eq!(told.service_tier.as_deref(), Some("flex"));
        assert_eq!(told.reported_cost.map(|usd| usd.to_string()).as_deref(), Some("0.0001234567"));
        let asked = usage(r#"{"service_tier":"auto","usage":{"input_tokens":1}}"#);
        assert_eq!(asked.service_tier, None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_meters(input in 0_u64..1000, read_cache in 0_u64..1000, write in 0_u64..1000, text in 0_u64..1000, thought in 0_u64..1000) {
            let meters = Meters::NONE.with(Meter::InputText, input).with(Meter::CacheReadText, read_cache).with(Meter::CacheWrite5m, write)
                .with(Meter::OutputText, text).with(Meter::Reasoning, thought);
            let json = serde_json::to_string(&UsageBody::new(&meters, Some(Usd::from_pico(1)))).unwrap();
            let is_exact = json.ends_with(r#""cost":0.000000000001}"#);
            prop_assert!(is_exact);
            prop_assert_eq!(read_usage(&json).unwrap().usage.meters, meters);
        }
    }
}
