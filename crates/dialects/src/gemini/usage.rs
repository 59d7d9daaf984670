//! Usage in this dialect: a prompt that includes its cache, an answer that excludes its reasoning, and
//! tokens of the provider's own tools beside both.

use events::{Meter, Meters};
use serde::Serialize;

use super::member::{count, get};
use crate::json::{List, Object};
use crate::reply::Usage;

/// Entries of one list of details looked at, at most.
const DETAILS_MAX: usize = 16;

/// Meters of a modality: uncached, cached.
const INPUT: [(Meter, Meter); 4] = [
    (Meter::InputText, Meter::CacheReadText),
    (Meter::InputAudio, Meter::CacheReadAudio),
    (Meter::InputImage, Meter::CacheReadImage),
    (Meter::InputVideo, Meter::CacheReadVideo),
];

/// Usage as read.
pub(super) struct Read {
    pub(super) usage: Usage,
    /// The cache was told as one sum and divided in proportion to the prompt.
    pub(super) estimated_split: bool,
}

/// Reads a `usageMetadata` object.
pub(super) fn read(json: &str) -> Option<Read> {
    let usage = Object::scan(json)?;
    let prompt_tokens = count(&usage, "promptTokenCount");
    let prompt = split(prompt_tokens, &details(&usage, "promptTokensDetails"));
    let cached_tokens = count(&usage, "cachedContentTokenCount").min(prompt_tokens);
    let told = details(&usage, "cacheTokensDetails");
    let is_mixed = prompt.iter().filter(|tokens| **tokens > 0).count() > 1;
    let estimated_split = cached_tokens > 0 && told == [0; 4] && is_mixed;
    let wanted = if estimated_split { pro_rata(cached_tokens, prompt) } else { told };
    let cached = fill(cached_tokens, wanted, prompt);
    let mut meters = Meters::NONE;
    for (at, (uncached_meter, cached_meter)) in INPUT.into_iter().enumerate() {
        meters.set(uncached_meter, prompt[at] - cached[at]);
        meters.set(cached_meter, cached[at]);
    }
    meters.set(Meter::InputTool, count(&usage, "toolUsePromptTokenCount"));
    let answer =
        split(count(&usage, "candidatesTokenCount"), &details(&usage, "candidatesTokensDetails"));
    // No model answers in video yet; what would be billed as something else stays text.
    meters.set(Meter::OutputText, answer[0].saturating_add(answer[3]));
    meters.set(Meter::OutputAudio, answer[1]);
    meters.set(Meter::OutputImage, answer[2]);
    meters.set(Meter::Reasoning, count(&usage, "thoughtsTokenCount"));
    let usage = Usage { meters, service_tier: tier(&usage), ..Usage::default() };
    Some(Read { usage, estimated_split })
}

/// The tier served, in the words prices are told in. The kind of traffic says more than the tier.
fn tier(usage: &Object<'_>) -> Option<String> {
    let text = |name: &str| get(usage, name).and_then(crate::json::plain_text);
    let traffic = text("trafficType").and_then(|kind| match kind.as_str() {
        "ON_DEMAND" => Some("standard"),
        "ON_DEMAND_PRIORITY" => Some("priority"),
        "ON_DEMAND_FLEX" => Some("flex"),
        "ON_DEMAND_OFFPEAK" => Some("offpeak"),
        "PROVISIONED_THROUGHPUT" => Some("provisioned_throughput"),
        _ => None,
    });
    let told = || text("serviceTier").map(|tier| tier.to_ascii_lowercase());
    traffic
        .map(str::to_owned)
        .or_else(told)
        .filter(|tier| !tier.is_empty() && tier != "unspecified")
}

/// The tokens by modality that a list of details tells: text (and documents), audio, image, video.
fn details(usage: &Object<'_>, name: &str) -> [u64; 4] {
    let mut tokens = [0_u64; 4];
    let list: List<&serde_json::value::RawValue> =
        get(usage, name).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    for raw in list.0.into_iter().take(DETAILS_MAX) {
        let Some(detail) = Object::scan(raw.get()) else { continue };
        let at = match detail.text("modality").as_deref() {
            Some("AUDIO") => 1,
            Some("IMAGE") => 2,
            Some("VIDEO") => 3,
            _ => 0,
        };
        tokens[at] = tokens[at].saturating_add(count(&detail, "tokenCount"));
    }
    tokens
}

/// A total by modality. Details may tell less than the total: the rest is text.
fn split(total: u64, told: &[u64; 4]) -> [u64; 4] {
    let mut left = total;
    let mut parts = [0; 4];
    for at in 1..parts.len() {
        parts[at] = told[at].min(left);
        left -= parts[at];
    }
    parts[0] = left;
    parts
}

/// A part of the prompt divided as the prompt is, rounded down.
fn pro_rata(part: u64, prompt: [u64; 4]) -> [u64; 4] {
    let total = prompt.iter().fold(0_u64, |sum, tokens| sum.saturating_add(*tokens)).max(1);
    prompt.map(|tokens| {
        let share = u128::from(part) * u128::from(tokens) / u128::from(total);
        u64::try_from(share).unwrap_or(part)
    })
}

/// A total spread as wanted, never above what each modality has room for; what is left goes where
/// there is room, text first. `total` is at most the sum of the room.
fn fill(total: u64, wanted: [u64; 4], room: [u64; 4]) -> [u64; 4] {
    let mut left = total;
    let mut parts = [0; 4];
    for at in (0..parts.len()).rev() {
        parts[at] = wanted[at].min(room[at]).min(left);
        left -= parts[at];
    }
    for at in 0..parts.len() {
        let more = (room[at] - parts[at]).min(left);
        parts[at] += more;
        left -= more;
    }
    parts
}

/// Searches of the web an answer tells of: one a prompt up to the second generation of models, one a
/// query from the third on (the vendor's price page, read 2026-11-22).
pub(super) fn searches(model: Option<&str>, queries: u64) -> u64 {
    let name = model.unwrap_or_default();
    let is_per_prompt = name.contains("gemini-1") || name.contains("gemini-2");
    if is_per_prompt { queries.min(1) } else { queries }
}

/// How many different queries the `groundingMetadata` of a candidate tells.
pub(super) fn queries(grounding: &str) -> u64 {
    let Some(grounding) = Object::scan(grounding) else { return 0 };
    let list: List<crate::json::Text<'_>> = get(&grounding, "webSearchQueries")
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    list.0.iter().filter(|query| !query.0.trim().is_empty()).count() as u64
}

/// Usage as this dialect words it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageBody {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    tool_use_prompt_token_count: u64,
    total_token_count: u64,
    prompt_tokens_details: Vec<DetailBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_tokens_details: Vec<DetailBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates_tokens_details: Vec<DetailBody>,
}

/// Tokens of one modality.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailBody {
    pub(super) modality: &'static str,
    pub(super) token_count: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

const MODALITIES: [&str; 4] = ["TEXT", "AUDIO", "IMAGE", "VIDEO"];

impl UsageBody {
    pub(super) fn new(meters: &Meters) -> Self {
        let tool = meters.get(Meter::InputTool);
        let prompt = meters.input_tokens().saturating_sub(tool);
        let cached = INPUT.map(|(_, meter)| meters.get(meter));
        let media =
            INPUT.map(|(meter, cached)| meters.get(meter).saturating_add(meters.get(cached)));
        let thoughts = meters.get(Meter::Reasoning);
        let output = meters.output_tokens();
        let answer = [0, meters.get(Meter::OutputAudio), meters.get(Meter::OutputImage), 0];
        let candidates = output.saturating_sub(thoughts);
        Self {
            prompt_token_count: prompt,
            cached_content_token_count: meters.cache_read_tokens(),
            candidates_token_count: candidates,
            thoughts_token_count: thoughts,
            tool_use_prompt_token_count: tool,
            total_token_count: prompt.saturating_add(tool).saturating_add(output),
            prompt_tokens_details: described(split(prompt, &media)),
            cache_tokens_details: described(cached),
            candidates_tokens_details: described(split(candidates, &answer)),
        }
    }
}

fn described(tokens: [u64; 4]) -> Vec<DetailBody> {
    let details = MODALITIES.into_iter().zip(tokens).filter(|(_, tokens)| *tokens > 0);
    details.map(|(modality, token_count)| DetailBody { modality, token_count }).collect()
}

#[cfg(test)]
mod tests;
