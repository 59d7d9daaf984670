//! Usage in words nobody announced: where answers keep it, and whose words it is in.
//!
//! Told by the members themselves, and by the dialect a provider is known to speak only where two
//! dialects share their words.

use events::{Dialect, Meter, Meters};

use crate::json::{Edit, Object, usd};
use crate::metered::{UsageDialect, read_usage};
use crate::reply::{ExtraUsage, Usage};

/// Picodollars of a dollar, and so of one of anything that is read as dollars.
const PICO: i128 = 1_000_000_000_000;

/// Where usage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In an event that begins a stream: input is final, output is not.
    Start,
    /// Anywhere else.
    End,
}

/// The usage an answer or an event holds, by its top-level members.
pub(crate) fn find<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<(&'a str, Place)> {
    let inside = |name: &str, member: &str| Object::scan(get(name)?)?.get(member);
    let own = ["usage", "usageMetadata"].into_iter().find_map(&get);
    let end = own
        .or_else(|| inside("response", "usage"))
        .or_else(|| inside("delta", "usage"))
        .or_else(|| inside("x_groq", "usage"));
    let billed = || get("meta").filter(|_| inside("meta", "billed_units").is_some());
    match end.or_else(billed) {
        Some(json) => Some((json, Place::End)),
        None => inside("message", "usage").map(|json| (json, Place::Start)),
    }
}

/// Usage with the members of a later report in their place.
pub(crate) fn over(begun: &str, later: &str) -> Option<String> {
    let (begun, later) = (Object::scan(begun)?, Object::scan(later)?);
    let added: Vec<(&str, String)> = later
        .iter()
        .filter(|(name, _)| !begun.iter().any(|(known, _)| known == *name))
        .map(|(name, json)| (name, json.to_owned()))
        .collect();
    let edit = |name: &str, _: &str| later.get(name).map(|json| Edit::Replace(json.to_owned()));
    begun.rewrite(edit, &added)
}

/// Usage, and what of it is billed on other models.
pub(crate) type Told = (Usage, Vec<ExtraUsage>);

/// Reads usage; `None` when it tells nothing.
pub(crate) fn read(json: &str, hint: Dialect) -> Option<Told> {
    let usage = Object::scan(json)?;
    let has = |names: &[&str]| names.iter().any(|name| usage.get(name).is_some());
    if let Some(seconds) = usage.get("seconds").and_then(ceiling) {
        return Some((meters(Meters::NONE.with(Meter::AudioSeconds, seconds)), Vec::new()));
    }
    let words = if has(&["promptTokenCount", "candidatesTokenCount", "totalTokenCount"]) {
        UsageDialect::Gemini
    } else if has(&["billed_units", "tokens"]) {
        UsageDialect::Cohere
    } else if has(&["inputTokens", "outputTokens"]) {
        UsageDialect::Bedrock
    } else if has(&["prompt_tokens", "completion_tokens"]) {
        UsageDialect::Openai
    } else if has(&["input_tokens", "output_tokens"]) {
        let exclusive =
            ["cache_creation_input_tokens", "cache_read_input_tokens", "server_tool_use"];
        match hint == Dialect::AnthropicMessages || has(&exclusive) {
            true => UsageDialect::Anthropic,
            false => UsageDialect::Responses,
        }
    } else {
        return None;
    };
    // Audio's operations spell one member their own way.
    let respelled = usage.get("input_token_details").and_then(|details| {
        let added = [("input_tokens_details", details.to_owned())];
        usage.rewrite(|_, _| None, &added)
    });
    let metered = read_usage(words, respelled.as_deref().unwrap_or(json)).ok()?;
    let mut told = metered.usage;
    let (of_others, own): (Vec<_>, Vec<_>) =
        metered.extra.into_iter().partition(|extra| extra.model.is_some());
    for extra in own {
        for (meter, quantity) in extra.usage.meters.iter() {
            told.meters.add(meter, quantity);
        }
    }
    Some((told, of_others))
}

/// Whether usage tells text and pictures of the output apart.
pub(crate) fn splits_output(json: &str) -> bool {
    Object::scan(json).is_some_and(|usage| usage.get("output_tokens_details").is_some())
}

/// A length of time as whole seconds, rounded up: `9`, `8.2`.
pub(crate) fn ceiling(json: &str) -> Option<u64> {
    let pico = usd(json)?.pico();
    u64::try_from(pico.checked_add(PICO - 1)?.div_euclid(PICO)).ok()
}

fn meters(meters: Meters) -> Usage {
    Usage { meters, ..Usage::default() }
}
