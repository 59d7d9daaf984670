//! What the name of a field of LiteLLM's map says: of what a price is, above which prompt, for whom.

use crate::key::PriceKey;

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A price of one unit of something.
    Price(Priced),
    /// A price that has no place in a price book, and why.
    Skip(&'static str),
    /// Something else than a price.
    Other,
}

/// The price a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Priced {
    /// Of what.
    pub(super) key: PriceKey,
    /// For prompts longer than this.
    pub(super) above: Option<u64>,
    /// For requests with this fact.
    pub(super) when: Option<(&'static str, &'static str)>,
}

/// What of a model decides what its fields mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind<'m> {
    /// LiteLLM's `mode`.
    pub(super) mode: &'m str,
    /// Images it makes have a price of their own.
    pub(super) makes_images: bool,
}

/// Endings that say which requests a price is for.
const ENDINGS: [(&str, (&str, &str)); 5] = [
    ("_batches", ("processing", "batch")),
    ("_flex", ("service_tier", "flex")),
    ("_priority", ("service_tier", "priority")),
    ("_ultrafast", ("service_tier", "ultrafast")),
    ("_balanced", ("service_tier", "balanced")),
];

/// Words that tell a price from a feature.
const PRICE_WORDS: [&str; 5] = ["cost", "pricing", "multiplier", "price", "free_requests"];

const PIXELS: &str = "pixels have no meter: an image is billed by the piece or by its tokens";
const SIZES: &str = "prices by the size of an image or a video have no meter";
const VIDEO: &str = "seconds of video have no meter";
const CAPACITY: &str = "time on reserved capacity is not use: price it per GPU hour";
const UNITS: &str = "Databricks units are not dollars";

/// What a field means in a model of some kind.
pub(super) fn meaning(field: &str, kind: Kind<'_>) -> Meaning {
    let (rest, when) = ENDINGS
        .iter()
        .find_map(|(ending, when)| Some((field.strip_suffix(ending)?, Some(*when))))
        .unwrap_or((field, None));
    let (stem, above) = threshold(rest);
    match of(stem, kind) {
        Some(Ok(key)) => Meaning::Price(Priced { key, above, when }),
        Some(Err(why)) => Meaning::Skip(why),
        None if PRICE_WORDS.iter().any(|word| field.contains(word)) => {
            Meaning::Skip("it is a price of a kind this importer does not know")
        }
        None => Meaning::Other,
    }
}

/// `…_above_272k_tokens`: the prompt above which a price holds, and the rest of the name.
fn threshold(name: &str) -> (&str, Option<u64>) {
    let parts = || {
        let (stem, count) = name.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
        Some((stem, count.parse::<u32>().ok()?))
    };
    match parts() {
        Some((stem, thousands)) => (stem, Some(u64::from(thousands) * 1_000)),
        None => (name, None),
    }
}

/// Of what a price is; or why it is not carried; `None` for what is no known price.
fn of(stem: &str, kind: Kind<'_>) -> Option<Result<PriceKey, &'static str>> {
    tokens(stem).or_else(|| pieces(stem, kind)).or_else(|| refused(stem).map(Err))
}

fn tokens(stem: &str) -> Option<Result<PriceKey, &'static str>> {
    Some(Ok(match stem {
        "input_cost_per_token" => PriceKey::Input,
        "output_cost_per_token" => PriceKey::Output,
        "cache_read_input_token_cost" | "input_cost_per_token_cache_hit" => PriceKey::CacheRead,
        "cache_creation_input_token_cost" => PriceKey::CacheWrite,
        "cache_creation_input_token_cost_above_1hr" => PriceKey::CacheWrite1h,
        "cache_creation_input_token_cost_above_12hr" => PriceKey::CacheWrite12h,
        "input_cost_per_audio_token" => PriceKey::InputAudio,
        "input_cost_per_image_token" => PriceKey::InputImage,
        "input_cost_per_video_token" => PriceKey::InputVideo,
        "output_cost_per_audio_token" => PriceKey::OutputAudio,
        "output_cost_per_image_token" => PriceKey::OutputImage,
        "output_cost_per_video_token" => PriceKey::OutputVideo,
        "output_cost_per_reasoning_token" => PriceKey::Reasoning,
        "citation_cost_per_token" => PriceKey::Citation,
        "cache_read_input_audio_token_cost" => PriceKey::CacheReadAudio,
        "cache_read_input_image_token_cost" => PriceKey::CacheReadImage,
        _ => return None,
    }))
}

fn pieces(stem: &str, kind: Kind<'_>) -> Option<Result<PriceKey, &'static str>> {
    Some(match (stem, kind.mode) {
        ("input_cost_per_second", "chat" | "completion" | "embedding") => Err(CAPACITY),
        ("output_cost_per_second", "video_generation") => Err(VIDEO),
        (
            "input_cost_per_second" | "output_cost_per_second" | "input_cost_per_audio_per_second",
            _,
        ) => Ok(PriceKey::AudioSeconds),
        ("input_cost_per_image", _) if kind.makes_images => {
            Err("images that are read have no meter beside those that are made")
        }
        ("input_cost_per_image" | "output_cost_per_image", _) => Ok(PriceKey::Images),
        ("input_cost_per_character", _) => Ok(PriceKey::Characters),
        ("input_cost_per_query", "rerank") => Ok(PriceKey::RerankSearch),
        ("input_cost_per_query" | "input_cost_per_request", _) => Ok(PriceKey::Request),
        ("input_cost_per_text_message", _) => Ok(PriceKey::Messages),
        ("ocr_cost_per_page", _) => Ok(PriceKey::Pages),
        ("annotation_cost_per_page", _) => Ok(PriceKey::PagesAnnotated),
        _ => return None,
    })
}

/// Prices that are known and have no place.
fn refused(stem: &str) -> Option<&'static str> {
    Some(match stem {
        "input_cost_per_pixel" | "output_cost_per_pixel" => PIXELS,
        "output_cost_per_character" => "characters of output have no meter",
        "cache_creation_input_audio_token_cost" => {
            "audio written to a cache has no meter of its own"
        }
        "explicit_cache_read_input_token_cost" => {
            "one meter counts explicit and implicit cache reads"
        }
        "ocr_cost_per_credit" => "credits have no meter",
        "google_maps_grounding_cost_per_query" => "grounding in maps has no meter",
        "search_free_requests" => "an allowance is no price: enter it as a credit",
        "code_interpreter_cost_per_session" => "sessions have no meter: containers are by the hour",
        "guardrail_cost_per_unit" => "guardrails have no meter",
        "file_search_cost_per_1k_calls" => "it is priced with the model that searches",
        "cost_per_second" => CAPACITY,
        "off_peak_pricing" => "prices by the day of the week are not known to the price book",
        _ if stem.contains("_dbu_cost") => UNITS,
        _ if stem.ends_with("_decisions") => {
            "decisions are an endpoint, which no request fact tells"
        }
        _ if stem.starts_with("output_cost_per_image_") => SIZES,
        _ if stem.starts_with("output_cost_per_second_") => SIZES,
        _ if stem.contains("_cost_per_video_per_second") => VIDEO,
        _ if stem.contains("per_gb_per_day") => "storage has no meter",
        _ if stem.starts_with("computer_use_") => "computer use is billed as tokens of the model",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Kind<'static> = Kind { mode: "chat", makes_images: false };

    #[test]
    fn a_field_says_of_what_above_what_and_for_whom_its_price_is() {
        let batch = Some(("processing", "batch"));
        let flex = Some(("service_tier", "flex"));
        for (field, key, above, when) in [
            ("input_cost_per_token", PriceKey::Input, None, None),
            ("output_cost_per_token_above_272k_tokens", PriceKey::Output, Some(272_000), None),
            (
                "input_cost_per_token_above_200k_tokens_batches",
                PriceKey::Input,
                Some(200_000),
                batch,
            ),
            ("cache_read_input_token_cost_flex", PriceKey::CacheRead, None, flex),
            ("cache_creation_input_token_cost_above_1hr", PriceKey::CacheWrite1h, None, None),
            (
                "cache_creation_input_token_cost_above_12hr_above_272k_tokens_flex",
                PriceKey::CacheWrite12h,
                Some(272_000),
                flex,
            ),
            ("input_cost_per_audio_token", PriceKey::InputAudio, None, None),
            ("ocr_cost_per_page_batches", PriceKey::Pages, None, batch),
        ] {
            let price = Meaning::Price(Priced { key, above, when });
            assert_eq!(meaning(field, CHAT), price, "{field}");
        }
    }

    #[test]
    fn no_price_is_taken_for_a_feature_and_no_feature_for_a_price() {
        for field in ["input_cost_per_pixel", "input_dbu_cost_per_token", "cost_of_tomorrow"] {
            assert!(matches!(meaning(field, CHAT), Meaning::Skip(_)), "{field}");
        }
        for field in ["max_tokens", "supports_vision", "mode", "source", "rpm"] {
            assert_eq!(meaning(field, CHAT), Meaning::Other, "{field}");
        }
    }

    #[test]
    fn the_same_field_is_of_another_thing_in_another_mode() {
        let of = |field, mode, makes_images| meaning(field, Kind { mode, makes_images });
        let plain = |key| Meaning::Price(Priced { key, above: None, when: None });
        let query = "input_cost_per_query";
        assert_eq!(of(query, "rerank", false), plain(PriceKey::RerankSearch));
        assert_eq!(of(query, "search", false), plain(PriceKey::Request));
        let second = "input_cost_per_second";
        assert_eq!(of(second, "audio_transcription", false), plain(PriceKey::AudioSeconds));
        assert!(matches!(of(second, "chat", false), Meaning::Skip(_)));
        let image = "input_cost_per_image";
        assert_eq!(of(image, "embedding", false), plain(PriceKey::Images));
        assert!(matches!(of(image, "image_generation", true), Meaning::Skip(_)));
    }
}
