//! Meters: disjoint quantities, so that a cost is a plain sum of quantity times rate.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::names::names;

names!(
    /// One disjoint quantity of a request. `direction.modality` or `class`, as invoices name them.
    /// No unit is ever counted by two meters: `input.text` excludes what was read from a cache.
    Meter {
        /// Uncached text input, tokens.
        InputText = "input.text",
        /// Uncached audio input, tokens.
        InputAudio = "input.audio",
        /// Uncached image input, tokens.
        InputImage = "input.image",
        /// Uncached video input, tokens.
        InputVideo = "input.video",
        /// Input a provider-side tool added to the prompt, tokens.
        InputTool = "input.tool",
        /// Text read from the provider's prompt cache, tokens.
        CacheReadText = "cache_read.text",
        /// Audio read from the provider's prompt cache, tokens.
        CacheReadAudio = "cache_read.audio",
        /// Images read from the provider's prompt cache, tokens.
        CacheReadImage = "cache_read.image",
        /// Video read from the provider's prompt cache, tokens.
        CacheReadVideo = "cache_read.video",
        /// Written to a prompt cache of 5 minutes (the default where no lifetime is told), tokens.
        CacheWrite5m = "cache_write.5m",
        /// Written to a prompt cache of 30 minutes, tokens.
        CacheWrite30m = "cache_write.30m",
        /// Written to a prompt cache of 1 hour, tokens.
        CacheWrite1h = "cache_write.1h",
        /// Written to a prompt cache of 12 hours, tokens.
        CacheWrite12h = "cache_write.12h",
        /// Text output without reasoning, tokens.
        OutputText = "output.text",
        /// Audio output, tokens.
        OutputAudio = "output.audio",
        /// Image output, tokens.
        OutputImage = "output.image",
        /// Reasoning output, shown or hidden, tokens.
        Reasoning = "reasoning",
        /// Citations billed apart, tokens.
        Citation = "citation",
        /// Searches of the web by the provider, calls.
        WebSearch = "web_search",
        /// Searches of X by the provider, calls.
        XSearch = "x_search",
        /// Searches of uploaded files, calls.
        FileSearch = "file_search",
        /// Runs of a code sandbox, calls.
        CodeExec = "code_exec",
        /// Requests billed as such, requests.
        Request = "request",
        /// Rerank searches, searches.
        RerankSearch = "rerank_search",
        /// Audio billed by time, whole seconds.
        AudioSeconds = "audio_seconds",
        /// Document pages, pages.
        Pages = "pages",
        /// Images billed by the piece, images.
        Images = "images",
        /// Text billed by the character, characters.
        Characters = "characters",
        /// Stored cache, tokens times hours.
        CacheStorageTokenHours = "cache_storage_tok_hours",
        /// Sandbox containers, whole hours.
        ContainerHours = "container_hours",
    }
);

impl Meter {
    /// How many meters there are.
    pub const COUNT: usize = Meter::ALL.len();

    /// Whether the meter counts tokens that entered the model (cached or not).
    pub const fn is_input(self) -> bool {
        (self as usize) <= Meter::CacheWrite12h as usize
    }

    /// Whether the meter counts tokens the model produced.
    pub const fn is_output(self) -> bool {
        matches!(
            self,
            Meter::OutputText | Meter::OutputAudio | Meter::OutputImage | Meter::Reasoning
        )
    }
}

/// The quantity of every meter of one attempt. Absent means zero.
///
/// In JSON an object of the meters that are not zero, by name; in binary formats a list of pairs.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Meters([u64; Meter::COUNT]);

impl Meters {
    /// Nothing used.
    pub const NONE: Meters = Meters([0; Meter::COUNT]);

    /// The quantity of one meter.
    pub const fn get(&self, meter: Meter) -> u64 {
        self.0[meter as usize]
    }

    /// Sets one meter, replacing what it held.
    pub const fn set(&mut self, meter: Meter, quantity: u64) {
        self.0[meter as usize] = quantity;
    }

    /// Adds to one meter, saturating.
    pub const fn add(&mut self, meter: Meter, quantity: u64) {
        self.0[meter as usize] = self.0[meter as usize].saturating_add(quantity);
    }

    /// These meters with one set.
    #[must_use]
    pub const fn with(mut self, meter: Meter, quantity: u64) -> Self {
        self.set(meter, quantity);
        self
    }

    /// The meters that are not zero.
    pub fn iter(&self) -> impl Iterator<Item = (Meter, u64)> + '_ {
        Meter::ALL.iter().map(|meter| (*meter, self.get(*meter))).filter(|(_, n)| *n > 0)
    }

    /// Whether nothing was used.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All input tokens, cached and uncached: what selects a long-context tier.
    pub fn input_tokens(&self) -> u64 {
        self.sum_where(Meter::is_input)
    }

    /// All output tokens, reasoning included.
    pub fn output_tokens(&self) -> u64 {
        self.sum_where(Meter::is_output)
    }

    /// Input tokens read from the provider's cache.
    pub fn cache_read_tokens(&self) -> u64 {
        self.sum_where(|m| m.as_str().starts_with("cache_read."))
    }

    /// Input tokens written to the provider's cache, whatever their lifetime.
    pub fn cache_write_tokens(&self) -> u64 {
        self.sum_where(|m| m.as_str().starts_with("cache_write."))
    }

    fn sum_where(&self, wanted: impl Fn(Meter) -> bool) -> u64 {
        self.iter().filter(|(meter, _)| wanted(*meter)).fold(0, |sum, (_, n)| sum.saturating_add(n))
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(meter, n)| (meter.as_str(), n))).finish()
    }
}

impl FromIterator<(Meter, u64)> for Meters {
    fn from_iter<I: IntoIterator<Item = (Meter, u64)>>(quantities: I) -> Self {
        let mut meters = Meters::NONE;
        for (meter, quantity) in quantities {
            meters.add(meter, quantity);
        }
        meters
    }
}

impl Serialize for Meters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_map(self.iter())
        } else {
            let pairs: Vec<(Meter, u64)> = self.iter().collect();
            pairs.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Meters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let named = std::collections::BTreeMap::<String, u64>::deserialize(deserializer)?;
            named
                .into_iter()
                .map(|(name, n)| name.parse::<Meter>().map(|m| (m, n)).map_err(de::Error::custom))
                .collect()
        } else {
            Ok(Vec::<(Meter, u64)>::deserialize(deserializer)?.into_iter().collect())
        }
    }
}

impl JsonSchema for Meters {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Meters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Meter::ALL.iter().map(|meter| meter.as_str()).collect();
        json_schema!({
            "type": "object",
            "description": "Disjoint quantities by meter; an absent meter is zero.",
            "propertyNames": { "enum": names },
            "additionalProperties": { "type": "integer", "minimum": 0 }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_only_what_was_used() {
        let meters = Meters::NONE.with(Meter::InputText, 7).with(Meter::Reasoning, 2);
        let json = serde_json::to_string(&meters).unwrap();
        assert_eq!(json, r#"{"input.text":7,"reasoning":2}"#);
        assert_eq!(serde_json::from_str::<Meters>(&json).unwrap(), meters);
        let error = serde_json::from_str::<Meters>(r#"{"inputs":1}"#).unwrap_err();
        assert!(error.to_string().contains("`inputs` is not one of"));
    }

    #[test]
    fn the_binary_form_reads_back() {
        let meters = Meters::NONE.with(Meter::ContainerHours, 1).with(Meter::CacheWrite1h, 1 << 40);
        let bytes = postcard::to_stdvec(&meters).unwrap();
        assert_eq!(postcard::from_bytes::<Meters>(&bytes).unwrap(), meters);
    }

    #[test]
    fn totals_count_cached_tokens_as_input_and_reasoning_as_output() {
        let meters = Meters::NONE
            .with(Meter::InputText, 1)
            .with(Meter::CacheReadText, 10)
            .with(Meter::CacheWrite5m, 100)
            .with(Meter::OutputText, 1_000)
            .with(Meter::Reasoning, 10_000)
            .with(Meter::WebSearch, 5);
        assert_eq!((meters.input_tokens(), meters.output_tokens()), (111, 11_000));
        assert_eq!((meters.cache_read_tokens(), meters.cache_write_tokens()), (10, 100));
    }
}
