//! What a turn of a session has used: what the provider told of ended responses, and a guess at what
//! it has not told yet. Pure.

use dialects::{Facts, RealtimeDone, RealtimeEffect, Usage};
use events::{FinishReason, Meter, Meters};

/// Bytes of base64 of heard audio that are about a token: 64,000 bytes and ten tokens a second.
const HEARD_BYTES_PER_TOKEN: u64 = 6_400;
/// Bytes of an event that are about a token of text.
const TEXT_BYTES_PER_TOKEN: u64 = 4;

/// What is known of one turn, and what of the conversation helps to guess.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// What ended responses used, by the provider's figures.
    told: Meters,
    /// What responses used that are not told (yet).
    guess: Meters,
    /// Some response ended without telling what it used.
    is_untold: bool,
    /// Some response ended.
    has_ended: bool,
    /// Tokens of the conversation as last told.
    context_tokens: u64,
    /// What the client has said since, by estimate.
    heard: Meters,
    finish_reason: Option<FinishReason>,
    id: Option<String>,
}

impl Tally {
    /// The client says something.
    pub(super) fn hear(&mut self, effect: RealtimeEffect, message: &[u8]) {
        let (meter, bytes_per_token) = match effect {
            RealtimeEffect::Audio => (Meter::InputAudio, HEARD_BYTES_PER_TOKEN),
            RealtimeEffect::Response | RealtimeEffect::Quiet | RealtimeEffect::Unknown => {
                (Meter::InputText, TEXT_BYTES_PER_TOKEN)
            }
        };
        self.heard.add(meter, (message.len() as u64).div_ceil(bytes_per_token));
    }

    /// A response begins: it reads the whole conversation.
    pub(super) fn began(&mut self) {
        self.guess.add(Meter::InputText, self.context_tokens);
        for (meter, tokens) in self.heard.iter() {
            self.guess.add(meter, tokens);
        }
    }

    /// A part of a response.
    pub(super) fn say(&mut self, output: &Meters) {
        for (meter, tokens) in output.iter() {
            self.guess.add(meter, tokens);
        }
    }

    /// A response has ended; whether others are under way.
    pub(super) fn ended(&mut self, done: &RealtimeDone, others_run: bool) {
        self.finish_reason = done.finish_reason;
        self.id.clone_from(&done.id);
        self.has_ended = true;
        let Some(usage) = &done.usage else {
            self.is_untold = true;
            return;
        };
        for (meter, tokens) in usage.meters.iter() {
            self.told.add(meter, tokens);
        }
        self.context_tokens = usage.meters.input_tokens() + usage.meters.output_tokens();
        self.heard = Meters::NONE;
        // Which of several responses said what is not followed: the guess stays until all have ended.
        if !others_run && !self.is_untold {
            self.guess = Meters::NONE;
        }
    }

    /// The turn is in the books: another one begins.
    pub(super) fn settled(&mut self) {
        let Self { context_tokens, heard, .. } = *self;
        *self = Self { context_tokens, heard, ..Self::default() };
    }

    /// Whether a response of this turn has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether nothing was used.
    pub(super) fn is_empty(&self) -> bool {
        self.told == Meters::NONE && self.guess == Meters::NONE
    }

    /// What ended responses used.
    pub(super) fn told(&self) -> Usage {
        Usage { meters: self.told, ..Usage::default() }
    }

    /// The turn as the books take it: an estimate while something is not told.
    pub(super) fn facts(&self) -> Facts {
        let mut meters = self.told;
        for (meter, tokens) in self.guess.iter() {
            meters.add(meter, tokens);
        }
        Facts {
            usage: Some(Usage { meters, ..Usage::default() }),
            is_usage_partial: self.guess != Meters::NONE,
            finish_reason: self.finish_reason,
            id: self.id.clone(),
            ..Facts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(input: u64, output: u64) -> RealtimeDone {
        let meters = Meters::NONE.with(Meter::InputText, input).with(Meter::OutputText, output);
        let usage = Some(Usage { meters, ..Usage::default() });
        RealtimeDone { usage, id: Some("resp_1".to_owned()), finish_reason: None }
    }

    #[test]
    fn what_the_provider_tells_replaces_the_guess() {
        let mut tally = Tally::default();
        tally.hear(RealtimeEffect::Quiet, &[b'x'; 40]);
        tally.began();
        tally.say(&Meters::NONE.with(Meter::OutputText, 7));
        let guess = tally.facts();
        assert!(guess.is_usage_partial);
        assert_eq!(guess.usage_to_bill(0).0.meters.input_tokens(), 10);
        tally.ended(&done(30, 9), false);
        let facts = tally.facts();
        assert_eq!((facts.is_usage_partial, facts.id.as_deref()), (false, Some("resp_1")));
        let (usage, is_estimate) = facts.usage_to_bill(0);
        let tokens = (usage.meters.input_tokens(), usage.meters.output_tokens());
        assert_eq!((tokens, is_estimate), ((30, 9), false));
    }

    #[test]
    fn several_responses_of_one_turn_are_added_and_the_next_turn_starts_at_nothing() {
        let mut tally = Tally::default();
        tally.began();
        tally.began();
        tally.ended(&done(30, 9), true);
        tally.ended(&done(10, 1), false);
        assert_eq!(tally.told().meters.input_tokens(), 40);
        assert!(!tally.facts().is_usage_partial);
        tally.settled();
        assert_eq!(tally.told().meters, Meters::NONE);
        tally.began();
        assert_eq!(tally.facts().usage_to_bill(0).0.meters.input_tokens(), 11, "it is still read");
    }

    #[test]
    fn a_response_that_tells_nothing_is_billed_by_the_guess() {
        let mut tally = Tally::default();
        tally.hear(RealtimeEffect::Audio, &[b'A'; 64_000]);
        tally.began();
        tally.say(&Meters::NONE.with(Meter::OutputAudio, 20));
        tally.ended(&RealtimeDone::default(), false);
        let (usage, is_estimate) = tally.facts().usage_to_bill(0);
        assert!(is_estimate);
        assert_eq!(usage.meters.get(Meter::InputAudio), 10);
        assert_eq!(usage.meters.get(Meter::OutputAudio), 20);
    }
}
