//! What a session has written down of what it hears, by a model of its own: what that may cost, what it
//! did cost, and whether some of it is still to be told. Pure; it must never know a socket or a budget.

use dialects::{ExtraUsage, RealtimeEffect, Usage};
use events::{Meter, Meters};
use pricing::{PriceBook, PriceContext, Query};
use units::{UnixMicros, Usd};

/// Bytes of base64 of heard audio that are a token at least, and tokens of a second of it (as
/// `bound.rs` counts them).
const HEARD_BYTES_PER_TOKEN: u64 = 500;
const HEARD_TOKENS_PER_S: u64 = 10;
/// What providers call the usage.
const KIND: &str = "input_audio_transcription";

/// Who prices, under which name, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Priced<'a> {
    pub(super) book: &'a PriceBook,
    pub(super) provider: &'a str,
    pub(super) at: UnixMicros,
}

impl Priced<'_> {
    fn cost(&self, model: &str, meters: &Meters) -> Option<Usd> {
        let Self { book, provider, at } = *self;
        let priced =
            book.price(&Query { provider, model, at, context: PriceContext::NONE, meters })?;
        let is_whole = priced.unpriced().next().is_none();
        is_whole.then_some(priced.cost)
    }
}

/// The transcripts of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Transcript {
    /// The model that writes; `None` while nothing is written.
    model: Option<String>,
    /// Audio heard of which no transcript was told, tokens at most.
    unwritten_tokens: u64,
    /// Pieces of audio that are being written down.
    awaited: u64,
    /// What the turn's transcripts used, one entry a model.
    told: Vec<ExtraUsage>,
}

impl Transcript {
    /// The provider says which model writes.
    pub(super) fn configured(&mut self, model: Option<String>) {
        self.model = model;
    }

    /// The client is about to say something.
    pub(super) fn hear(&mut self, effect: RealtimeEffect, message: &[u8]) {
        if effect == RealtimeEffect::Audio {
            let tokens = message.len() as u64 / HEARD_BYTES_PER_TOKEN + 1;
            self.unwritten_tokens = self.unwritten_tokens.saturating_add(tokens);
        }
    }

    /// A piece of audio is complete; where a model writes, its transcript follows.
    pub(super) fn committed(&mut self) {
        if self.model.is_some() {
            self.awaited = self.awaited.saturating_add(1);
        } else {
            self.unwritten_tokens = 0;
        }
    }

    /// A transcript was told, or why there is none.
    pub(super) fn written(&mut self, usage: Option<Usage>) {
        self.awaited = self.awaited.saturating_sub(1);
        if self.awaited == 0 {
            self.unwritten_tokens = 0;
        }
        let Some(usage) = usage else { return };
        match self.told.iter_mut().find(|known| known.model == self.model) {
            Some(known) => {
                for (meter, quantity) in usage.meters.iter() {
                    known.usage.meters.add(meter, quantity);
                }
            }
            // A session that never named a model says it too late: its usage has no price.
            None => {
                let model = Some(self.model.clone().unwrap_or_else(|| KIND.to_owned()));
                self.told.push(ExtraUsage { kind: KIND.to_owned(), model, usage });
            }
        }
    }

    /// Whether a transcript is still to be told.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited > 0
    }

    /// What the turn's transcripts used.
    pub(super) fn told(&self) -> &[ExtraUsage] {
        &self.told
    }

    /// The turn is in the books: another one begins.
    pub(super) fn settled(&mut self) {
        self.told.clear();
    }

    /// What the turn's transcripts cost, and what those may that are not told yet. What has no price
    /// counts nothing.
    pub(super) fn cost(&self, priced: &Priced<'_>) -> Usd {
        let told = self.told.iter().filter_map(|told| {
            let model = told.model.as_deref()?;
            priced.cost(model, &told.usage.meters)
        });
        told.fold(self.cost_max(priced), |sum, cost| sum + cost)
    }

    fn cost_max(&self, priced: &Priced<'_>) -> Usd {
        let Some(model) = &self.model else { return Usd::ZERO };
        let tokens = self.unwritten_tokens;
        if tokens == 0 {
            return Usd::ZERO;
        }
        // Nobody says more words than are heard as tokens.
        let by_token = Meters::NONE.with(Meter::InputAudio, tokens).with(Meter::OutputText, tokens);
        let by_second = Meters::NONE.with(Meter::AudioSeconds, tokens.div_ceil(HEARD_TOKENS_PER_S));
        let costs = [by_token, by_second].map(|meters| priced.cost(model, &meters));
        costs.into_iter().flatten().max().unwrap_or(Usd::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "gpt-4o-transcribe";

    fn priced(book: &PriceBook) -> Priced<'_> {
        Priced { book, provider: "openai", at: UnixMicros::new(1_793_800_000_000_000) }
    }

    fn usage(tokens: u64) -> Option<Usage> {
        let meters = Meters::NONE.with(Meter::InputAudio, tokens).with(Meter::OutputText, 3);
        Some(Usage { meters, ..Usage::default() })
    }

    #[test]
    fn what_is_heard_is_held_for_at_least_what_it_comes_to() {
        let book = PriceBook::embedded().unwrap();
        let priced = priced(&book);
        for (model, used) in [
            (MODEL, Meters::NONE.with(Meter::InputAudio, 20).with(Meter::OutputText, 9)),
            ("whisper-1", Meters::NONE.with(Meter::AudioSeconds, 2)),
        ] {
            let mut transcript = Transcript::default();
            // Two seconds, as sessions send them.
            transcript.hear(RealtimeEffect::Audio, &[b'A'; 128_000]);
            assert_eq!(transcript.cost(&priced), Usd::ZERO, "nobody writes");
            transcript.configured(Some(model.to_owned()));
            transcript.committed();
            let held = transcript.cost(&priced);
            transcript.written(Some(Usage { meters: used, ..Usage::default() }));
            let cost = priced.cost(model, &used).unwrap();
            assert_eq!(transcript.cost(&priced), cost, "{model}");
            assert!(held >= cost && cost > Usd::ZERO, "{model}: {held} {cost}");
        }
    }

    #[test]
    fn transcripts_of_a_turn_are_added_and_awaited() {
        let mut transcript = Transcript::default();
        transcript.committed();
        assert!(!transcript.is_awaited(), "nobody writes");
        transcript.configured(Some(MODEL.to_owned()));
        transcript.committed();
        transcript.committed();
        transcript.written(usage(5));
        assert!(transcript.is_awaited());
        transcript.written(None);
        transcript.written(usage(7));
        assert!(!transcript.is_awaited());
        let [told] = transcript.told() else { panic!("{:?}", transcript.told()) };
        assert_eq!(told.model.as_deref(), Some(MODEL));
        assert_eq!(told.usage.meters.get(Meter::InputAudio), 12);
        transcript.settled();
        assert!(transcript.told().is_empty());
    }
}
