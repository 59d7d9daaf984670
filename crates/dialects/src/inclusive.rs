//! Counts that include their parts (a prompt its cache, an answer its reasoning) made disjoint.
//!
//! Several dialects count so under names of their own. Providers are told apart by the fields they
//! send and by their own arithmetic, never by name.

use events::{Meter, Meters};
use units::Usd;

use crate::json::{Object, usd, whole};

/// Picodollars in one tick of `cost_in_usd_ticks` (1e-10 USD).
const PICO_PER_TICK: i128 = 100;

/// Headers in which a gateway tells what an answer cost, USD: ours, and LiteLLM's (its documentation of
/// response headers). They leave before a stream's cost is known, so that of streams they say nothing.
pub const COST_HEADERS: [&str; 2] = ["x-tollgate-cost-usd", "x-litellm-response-cost"];

/// The cost in one of [`COST_HEADERS`], which may be a float such as `1.65e-05`; `None` for anything else.
pub fn cost_of_header(value: &str) -> Option<Usd> {
    usd(value.trim())
}

/// Where a dialect keeps its counts.
pub(crate) struct Names {
    /// All input tokens.
    pub(crate) input: &'static str,
    /// All output tokens.
    pub(crate) output: &'static str,
    /// The object that takes the input apart.
    pub(crate) input_details: &'static str,
    /// The object that takes the output apart.
    pub(crate) output_details: &'static str,
}

/// The disjoint token meters of a `usage` object.
pub(crate) fn meters(usage: &Object<'_>, names: &Names) -> Meters {
    Tokens::read(usage, names).meters()
}

/// What the provider itself says it charged.
pub(crate) fn reported_cost(usage: &Object<'_>) -> Option<Usd> {
    if let Some(ticks) = usage.get("cost_in_usd_ticks").and_then(whole) {
        return Some(Usd::from_pico(i128::from(ticks).saturating_mul(PICO_PER_TICK)));
    }
    let upstream = || usage.child("cost_details")?.get("upstream_inference_cost").and_then(usd);
    // With one's own key the router's cost is nothing: the bill comes from the provider behind it.
    if usage.get("is_byok") == Some("true")
        && let Some(cost) = upstream()
    {
        return Some(cost);
    }
    usage.get("cost").and_then(usd)
}

/// Token counts as told, before they are made disjoint.
struct Tokens {
    prompt: u64,
    completion: u64,
    reasoning: u64,
    cached: u64,
    written: Written,
    /// Audio, image, video within the prompt.
    prompt_media: [u64; 3],
    /// Audio and image within the completion.
    completion_media: [u64; 2],
}

/// Tokens written to a cache: all, and those whose lifetime is told.
struct Written {
    total: u64,
    half_hour: u64,
    half_day: u64,
}

impl Tokens {
    fn read(usage: &Object<'_>, names: &Names) -> Self {
        let inside = usage.child(names.input_details);
        let outside = usage.child(names.output_details);
        let of_prompt = |key: &str| inside.as_ref().map_or(0, |details| details.count(key));
        let of_completion = |key: &str| outside.as_ref().map_or(0, |details| details.count(key));
        let cached = ["prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens"]
            .into_iter()
            .map(|key| usage.count(key))
            .fold(of_prompt("cached_tokens"), u64::max);
        let lifetimes = inside.as_ref().and_then(|d| d.child("cache_write_tokens_details"));
        let of_lifetimes = |key: &str| lifetimes.as_ref().map_or(0, |details| details.count(key));
        let mut tokens = Self {
            prompt: usage.count(names.input),
            completion: usage.count(names.output),
            reasoning: of_completion("reasoning_tokens").max(usage.count("reasoning_tokens")),
            cached,
            written: Written {
                total: of_prompt("cache_write_tokens"),
                half_hour: of_lifetimes("ttl_30m_tokens"),
                half_day: of_lifetimes("ttl_12h_tokens"),
            },
            prompt_media: ["audio_tokens", "image_tokens", "video_tokens"].map(of_prompt),
            completion_media: ["audio_tokens", "image_tokens"].map(of_completion),
        };
        tokens.reconcile(usage.count("total_tokens"));
        tokens
    }

    /// Makes `prompt` include the cache and `completion` include reasoning, as OpenAI counts. The
    /// provider's own total tells whether they do.
    fn reconcile(&mut self, total: u64) {
        let cache = self.cached.saturating_add(self.written.total);
        let beyond = total.saturating_sub(self.prompt.saturating_add(self.completion));
        if beyond > 0 && beyond == self.reasoning {
            // Reasoning counted apart (xAI's chat).
            self.completion = self.completion.saturating_add(beyond);
        } else if (beyond > 0 && beyond == cache) || cache > self.prompt {
            // Cache counted apart, as some bridges to exclusive providers do.
            self.prompt = self.prompt.saturating_add(cache);
        } else if beyond > 0 {
            // Output that only the total admits (thinking behind Gemini's compatible endpoint).
            self.completion = self.completion.saturating_add(beyond);
            self.reasoning = self.reasoning.max(beyond);
        } else if self.reasoning > self.completion {
            // No total to tell, but a part cannot be larger than its whole.
            self.completion = self.completion.saturating_add(self.reasoning);
        }
    }

    fn meters(&self) -> Meters {
        let mut meters = Meters::NONE;
        let mut input = Share { left: self.prompt };
        meters.add(Meter::CacheReadText, input.take(self.cached));
        let mut written = Share { left: input.take(self.written.total) };
        meters.add(Meter::CacheWrite30m, written.take(self.written.half_hour));
        meters.add(Meter::CacheWrite12h, written.take(self.written.half_day));
        meters.add(Meter::CacheWrite5m, written.left);
        let media = [Meter::InputAudio, Meter::InputImage, Meter::InputVideo];
        for (meter, tokens) in media.into_iter().zip(self.prompt_media) {
            meters.add(meter, input.take(tokens));
        }
        meters.add(Meter::InputText, input.left);
        let mut output = Share { left: self.completion };
        meters.add(Meter::Reasoning, output.take(self.reasoning));
        let media = [Meter::OutputAudio, Meter::OutputImage];
        for (meter, tokens) in media.into_iter().zip(self.completion_media) {
            meters.add(meter, output.take(tokens));
        }
        meters.add(Meter::OutputText, output.left);
        meters
    }
}

/// A whole that parts are taken from, so that they never add up to more.
struct Share {
    left: u64,
}

impl Share {
    fn take(&mut self, part: u64) -> u64 {
        let taken = part.min(self.left);
        self.left -= taken;
        taken
    }
}
