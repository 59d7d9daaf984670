//! What a price file may put a price on, and which price a meter falls back to.

use std::fmt;
use std::num::NonZeroU32;

use events::Meter;
use serde::{Deserialize, Serialize};

macro_rules! price_keys {
    ($($(#[$doc:meta])* $variant:ident = $text:literal per $per:literal,)*) => {
        /// What a price is of: a meter, or a class of meters without a price of their own (`input`,
        /// `cache_read`, `output`). The order is part of history (see [`crate::RateSet`]): append.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum PriceKey { $($(#[$doc])* #[serde(rename = $text)] $variant,)* }

        impl PriceKey {
            /// Every key, in the order they were added.
            pub const ALL: &'static [PriceKey] = &[$(PriceKey::$variant,)*];

            /// The name in price files.
            pub const fn as_str(self) -> &'static str {
                match self { $(PriceKey::$variant => $text,)* }
            }

            /// How many units a price is for where the file's `per` says nothing else.
            pub const fn default_per(self) -> NonZeroU32 {
                match self {
                    $(PriceKey::$variant => units($per),)*
                }
            }
        }
    };
}

const fn units(per: u32) -> NonZeroU32 {
    match NonZeroU32::new(per) {
        Some(per) => per,
        None => NonZeroU32::MIN,
    }
}

price_keys!(
    /// Any input tokens.
    Input = "input" per 1_000_000,
    /// Text input tokens.
    InputText = "input.text" per 1_000_000,
    /// Audio input tokens.
    InputAudio = "input.audio" per 1_000_000,
    /// Image input tokens.
    InputImage = "input.image" per 1_000_000,
    /// Video input tokens.
    InputVideo = "input.video" per 1_000_000,
    /// Input tokens a provider-side tool added.
    InputTool = "input.tool" per 1_000_000,
    /// Any tokens read from a prompt cache.
    CacheRead = "cache_read" per 1_000_000,
    /// Text tokens read from a prompt cache.
    CacheReadText = "cache_read.text" per 1_000_000,
    /// Audio tokens read from a prompt cache.
    CacheReadAudio = "cache_read.audio" per 1_000_000,
    /// Image tokens read from a prompt cache.
    CacheReadImage = "cache_read.image" per 1_000_000,
    /// Video tokens read from a prompt cache.
    CacheReadVideo = "cache_read.video" per 1_000_000,
    /// Tokens written to a prompt cache, whatever its lifetime.
    CacheWrite = "cache_write" per 1_000_000,
    /// Tokens written to a prompt cache of 5 minutes.
    CacheWrite5m = "cache_write.5m" per 1_000_000,
    /// Tokens written to a prompt cache of 30 minutes.
    CacheWrite30m = "cache_write.30m" per 1_000_000,
    /// Tokens written to a prompt cache of 1 hour.
    CacheWrite1h = "cache_write.1h" per 1_000_000,
    /// Tokens written to a prompt cache of 12 hours.
    CacheWrite12h = "cache_write.12h" per 1_000_000,
    /// Any output tokens.
    Output = "output" per 1_000_000,
    /// Text output tokens.
    OutputText = "output.text" per 1_000_000,
    /// Audio output tokens.
    OutputAudio = "output.audio" per 1_000_000,
    /// Image output tokens.
    OutputImage = "output.image" per 1_000_000,
    /// Video output tokens; no meter counts them yet.
    OutputVideo = "output.video" per 1_000_000,
    /// Reasoning tokens.
    Reasoning = "reasoning" per 1_000_000,
    /// Citation tokens.
    Citation = "citation" per 1_000_000,
    /// Web searches.
    WebSearch = "web_search" per 1_000,
    /// Searches of X.
    XSearch = "x_search" per 1_000,
    /// Searches of uploaded files.
    FileSearch = "file_search" per 1_000,
    /// Runs of a code sandbox.
    CodeExec = "code_exec" per 1_000,
    /// Requests.
    Request = "request" per 1_000,
    /// Rerank searches.
    RerankSearch = "rerank_search" per 1_000,
    /// Seconds of audio; priced by the hour.
    AudioSeconds = "audio_seconds" per 3_600,
    /// Document pages.
    Pages = "pages" per 1_000,
    /// Document pages with annotations; no meter counts them yet.
    PagesAnnotated = "pages.annotated" per 1_000,
    /// Images.
    Images = "images" per 1,
    /// Characters of input.
    Characters = "characters" per 1_000_000,
    /// Text messages to a voice model; no meter counts them yet.
    Messages = "messages" per 1_000,
    /// Stored cache, tokens times hours.
    CacheStorageTokenHours = "cache_storage_tok_hours" per 1_000_000,
    /// Sandbox container hours.
    ContainerHours = "container_hours" per 1,
    /// Time on GPUs, microseconds of the request times the model's GPUs, shared by as many requests as
    /// they serve at a time; priced by the hour. No meter counts it: it is in the request's context.
    GpuHour = "gpu_hour" per 3_600_000_000,
);

impl PriceKey {
    /// How many keys there are.
    pub(crate) const COUNT: usize = PriceKey::ALL.len();

    /// Whether it is a price of tokens.
    pub const fn is_tokens(self) -> bool {
        self as usize <= PriceKey::Citation as usize
    }

    /// The keys that may price a meter, nearest first: its own, its class, then the plain rate of its
    /// direction. The first that has a price is the meter's price. A class goes before a modality:
    /// audio read from a cache is priced as a cache read before it is priced as audio.
    pub const fn of(meter: Meter) -> &'static [PriceKey] {
        use PriceKey::*;
        match meter {
            Meter::InputText => &[InputText, Input],
            Meter::InputAudio => &[InputAudio, Input],
            Meter::InputImage => &[InputImage, Input],
            Meter::InputVideo => &[InputVideo, Input],
            Meter::InputTool => &[InputTool, InputText, Input],
            Meter::CacheReadText => &[CacheReadText, CacheRead, InputText, Input],
            Meter::CacheReadAudio => &[CacheReadAudio, CacheRead, InputAudio, Input],
            Meter::CacheReadImage => &[CacheReadImage, CacheRead, InputImage, Input],
            Meter::CacheReadVideo => &[CacheReadVideo, CacheRead, InputVideo, Input],
            Meter::CacheWrite5m => &[CacheWrite5m, CacheWrite, InputText, Input],
            Meter::CacheWrite30m => &[CacheWrite30m, CacheWrite, InputText, Input],
            Meter::CacheWrite1h => &[CacheWrite1h, CacheWrite, InputText, Input],
            Meter::CacheWrite12h => &[CacheWrite12h, CacheWrite, InputText, Input],
            Meter::OutputText => &[OutputText, Output],
            Meter::OutputAudio => &[OutputAudio, Output],
            Meter::OutputImage => &[OutputImage, Output],
            Meter::Reasoning => &[Reasoning, OutputText, Output],
            Meter::Citation => &[Citation, OutputText, Output],
            Meter::WebSearch => &[WebSearch],
            Meter::XSearch => &[XSearch],
            Meter::FileSearch => &[FileSearch],
            Meter::CodeExec => &[CodeExec],
            Meter::Request => &[Request],
            Meter::RerankSearch => &[RerankSearch],
            Meter::AudioSeconds => &[AudioSeconds],
            Meter::Pages => &[Pages],
            Meter::Images => &[Images],
            Meter::Characters => &[Characters],
            Meter::CacheStorageTokenHours => &[CacheStorageTokenHours],
            Meter::ContainerHours => &[ContainerHours],
        }
    }
}

impl fmt::Display for PriceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_is_priced_first_by_the_key_of_its_own_name() {
        for meter in Meter::ALL {
            assert_eq!(PriceKey::of(*meter)[0].as_str(), meter.as_str());
        }
    }

    #[test]
    fn the_default_units_are_those_of_the_catalog() {
        let catalog = include_str!("../data/catalog.json");
        let file: crate::file::BookFile = serde_json::from_str(catalog).unwrap();
        let defaults = PriceKey::ALL.iter().map(|key| (*key, key.default_per()));
        assert_eq!(file.per, defaults.collect());
    }

    #[test]
    fn only_the_keys_said_to_have_no_meter_have_none() {
        let reached = |key: &&PriceKey| Meter::ALL.iter().any(|m| PriceKey::of(*m).contains(key));
        let idle: Vec<&str> =
            PriceKey::ALL.iter().filter(|key| !reached(key)).map(|key| key.as_str()).collect();
        assert_eq!(idle, ["output.video", "pages.annotated", "messages", "gpu_hour"]);
    }
}
