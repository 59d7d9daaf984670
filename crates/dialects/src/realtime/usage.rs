//! The usage of a response within a session, made disjoint. Input includes what was cached, and both
//! are told by what they are made of: text, audio, images.

use events::{Meter, Meters};

use crate::json::Object;
use crate::reply::Usage;
use crate::usage_words::ceiling;

/// A whole that parts are taken from, so that they never add up to more.
struct Share(u64);

impl Share {
    fn take(&mut self, part: u64) -> u64 {
        let taken = part.min(self.0);
        self.0 -= taken;
        taken
    }
}

/// Reads the `usage` of a response; `None` when it is no object.
pub(super) fn read(json: &str) -> Option<Usage> {
    let usage = Object::scan(json)?;
    let inside = usage.child("input_token_details");
    let of_input = |name: &str| inside.as_ref().map_or(0, |details| details.count(name));
    let outside = usage.child("output_token_details");
    let of_output = |name: &str| outside.as_ref().map_or(0, |details| details.count(name));
    let cached = inside.as_ref().and_then(|details| details.child("cached_tokens_details"));
    let of_cached = |name: &str| cached.as_ref().map_or(0, |details| details.count(name));

    let parts = ["text_tokens", "audio_tokens", "image_tokens"];
    let [text, audio, image] = parts.map(of_input);
    let cached_parts = parts.map(of_cached);
    let known = cached_parts.iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
    // What of the cache is not told by its kind is text first: that is what begins a conversation.
    let mut rest = Share(of_input("cached_tokens").saturating_sub(known));
    let [mut cached_text, mut cached_audio, mut cached_image] = cached_parts;
    for (cached, all) in
        [(&mut cached_text, text), (&mut cached_audio, audio), (&mut cached_image, image)]
    {
        *cached += rest.take(all.saturating_sub(*cached));
    }

    let mut meters = Meters::NONE;
    let told = text.saturating_add(audio).saturating_add(image);
    let mut input = Share(usage.count("input_tokens").max(told));
    for (meter, tokens) in [
        (Meter::CacheReadAudio, cached_audio),
        (Meter::CacheReadImage, cached_image),
        (Meter::CacheReadText, cached_text.saturating_add(rest.0)),
        (Meter::InputAudio, audio.saturating_sub(cached_audio)),
        (Meter::InputImage, image.saturating_sub(cached_image)),
    ] {
        meters.set(meter, input.take(tokens));
    }
    meters.set(Meter::InputText, input.0);
    let mut output = Share(usage.count("output_tokens"));
    meters.set(Meter::Reasoning, output.take(of_output("reasoning_tokens")));
    meters.set(Meter::OutputAudio, output.take(of_output("audio_tokens")));
    meters.set(Meter::OutputImage, output.take(of_output("image_tokens")));
    meters.set(Meter::OutputText, output.0);
    Some(Usage { meters, ..Usage::default() })
}

/// Reads the `usage` of a transcript, by the token or by the second; `None` when it is no object.
pub(super) fn transcript(json: &str) -> Option<Usage> {
    match Object::scan(json)?.get("seconds").and_then(ceiling) {
        Some(seconds) => {
            let meters = Meters::NONE.with(Meter::AudioSeconds, seconds);
            Some(Usage { meters, ..Usage::default() })
        }
        None => read(json),
    }
}
