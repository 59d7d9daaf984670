//! What a session may cost from here on: how much the next responses can use at most, and what that
//! comes to. Pure; it must never know a socket or a budget.

use dialects::{RealtimeClientEvent, RealtimeEffect, Usage};
use events::{Meter, Meters};
use pricing::{PriceBook, PriceContext, Query};
use units::{UnixMicros, Usd};

use crate::quote::input_tokens_max;

/// Longest conversation of a model whose size is not known, tokens (the largest of 2026).
const CONTEXT_TOKENS_UNKNOWN: u64 = 128_000;
/// Longest answer of a model whose size is not known, tokens.
const OUTPUT_TOKENS_UNKNOWN: u64 = 16_384;
/// Tokens a provider adds to a conversation: instructions of its own, and what separates turns.
const TOKENS_ADDED: u64 = 1_024;
/// Input is held for in steps of so many tokens, so that not every message holds a little more.
const STEP_TOKENS: u64 = 4_096;
/// Bytes of base64 of heard audio that are a token at least: the tightest format has 8,000 bytes a
/// second, and a second is ten tokens.
const HEARD_BYTES_PER_TOKEN: u64 = 500;
const MILLION: u64 = 1_000_000;

/// The dearest a model can be, and how long its conversations and answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dearest {
    /// A million tokens of the dearest kind of input.
    pub(super) input_per_million: Usd,
    /// A million tokens of the dearest kind of output.
    pub(super) output_per_million: Usd,
    /// Longest conversation, tokens.
    pub(super) context_tokens: u64,
    /// Longest answer, tokens.
    pub(super) output_tokens: u64,
}

impl Dearest {
    /// What the book says of a model at an instant; `None` when it has no price by the token.
    pub(super) fn of(
        book: &PriceBook,
        provider: &str,
        model: &str,
        at: UnixMicros,
    ) -> Option<Self> {
        let million = |meter| {
            let meters = Meters::NONE.with(meter, MILLION);
            let query = Query { provider, model, at, context: PriceContext::NONE, meters: &meters };
            book.price(&query).map(|priced| priced.cost)
        };
        let limits = book.limits(provider, model);
        let context_tokens = limits.context_tokens.unwrap_or(CONTEXT_TOKENS_UNKNOWN);
        let input = [Meter::InputText, Meter::InputAudio, Meter::InputImage];
        let output = [Meter::OutputText, Meter::OutputAudio, Meter::Reasoning];
        Some(Self {
            input_per_million: input.into_iter().filter_map(million).max()?,
            output_per_million: output.into_iter().filter_map(million).max()?,
            context_tokens,
            output_tokens: limits
                .output_tokens
                .unwrap_or(OUTPUT_TOKENS_UNKNOWN.min(context_tokens / 2)),
        })
    }

    fn cost(&self, input_tokens: u64, output_tokens: u64) -> Usd {
        let part = |per_million: Usd, tokens: u64| {
            let product = per_million.pico().saturating_mul(i128::from(tokens));
            Usd::from_pico(product.saturating_add(i128::from(MILLION) - 1) / i128::from(MILLION))
        };
        part(self.input_per_million, input_tokens) + part(self.output_per_million, output_tokens)
    }
}

/// How much the responses of a session can use at most. Sizes only grow until the model's own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    /// Tokens the conversation has at most.
    conversation_tokens: u64,
    /// Tokens the session's answers have at most.
    session_max: u64,
    /// The largest limit asked for since the session last rested.
    asked_max: u64,
    /// Responses asked for that have not begun.
    asked: u64,
    /// Responses under way.
    running: u64,
}

impl Bound {
    /// Nothing was said yet.
    pub(super) fn new() -> Self {
        Self {
            conversation_tokens: TOKENS_ADDED,
            session_max: u64::MAX,
            asked_max: 0,
            asked: 0,
            running: 0,
        }
    }

    /// The client is about to say something.
    pub(super) fn hear(&mut self, event: RealtimeClientEvent, message: &[u8]) {
        let tokens = match event.effect {
            RealtimeEffect::Audio => message.len() as u64 / HEARD_BYTES_PER_TOKEN + 1,
            _ => input_tokens_max(message),
        };
        self.conversation_tokens = match event.is_open_ended {
            true => u64::MAX,
            false => self.conversation_tokens.saturating_add(tokens),
        };
        match (event.effect, event.max_output_tokens) {
            (RealtimeEffect::Response, own) => {
                self.asked = self.asked.saturating_add(1);
                self.asked_max = self.asked_max.max(own.unwrap_or(0));
            }
            // Whether the provider takes it is known when it says so: until then the larger counts.
            (_, Some(limit)) => self.session_max = self.session_max.max(limit),
            (_, None) => {}
        }
    }

    /// The provider says what limits answers have.
    pub(super) fn configured(&mut self, max_output_tokens: Option<u64>) {
        self.session_max = max_output_tokens.unwrap_or(u64::MAX);
    }

    /// A response has begun.
    pub(super) fn began(&mut self) {
        self.asked = self.asked.saturating_sub(1);
        self.running = self.running.saturating_add(1);
    }

    /// A response has ended; what it said is part of the conversation.
    pub(super) fn ended(&mut self, usage: Option<&Usage>) {
        self.running = self.running.saturating_sub(1);
        if let Some(usage) = usage {
            let (input, output) = (usage.meters.input_tokens(), usage.meters.output_tokens());
            let grown = self.conversation_tokens.saturating_add(output);
            self.conversation_tokens = grown.max(input.saturating_add(output));
        }
        self.rest();
    }

    /// Something was refused: of what was asked for, most likely.
    pub(super) fn refused(&mut self) {
        self.asked = self.asked.saturating_sub(1);
        self.rest();
    }

    /// Whether nothing is asked for or under way.
    pub(super) fn rests(&self) -> bool {
        self.asked == 0 && self.running == 0
    }

    /// Whether a response is under way.
    pub(super) fn is_running(&self) -> bool {
        self.running > 0
    }

    /// Limits of responses end with them.
    fn rest(&mut self) {
        if self.rests() {
            self.asked_max = 0;
        }
    }

    /// What the responses asked for and under way, or the next one, can cost at most.
    pub(super) fn cost(&self, dearest: &Dearest) -> Usd {
        let stepped = self.conversation_tokens.div_ceil(STEP_TOKENS).saturating_mul(STEP_TOKENS);
        let input = stepped.min(dearest.context_tokens);
        let output = self.session_max.max(self.asked_max).min(dearest.output_tokens);
        dearest.cost(input, output).times(self.asked.saturating_add(self.running).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialects::read_realtime_client_event;

    const DEAREST: Dearest = Dearest {
        input_per_million: Usd::from_dollars(32),
        output_per_million: Usd::from_dollars(64),
        context_tokens: 32_000,
        output_tokens: 4_096,
    };

    fn hear(bound: &mut Bound, json: &str) {
        bound.hear(read_realtime_client_event(json), json.as_bytes());
    }

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn the_book_tells_the_dearest_kind_of_token() {
        let book = PriceBook::embedded().unwrap();
        let now = UnixMicros::new(1_793_800_000_000_000);
        let dearest = Dearest::of(&book, "openai", "gpt-realtime", now).unwrap();
        assert_eq!(dearest.input_per_million, Usd::from_dollars(32));
        assert_eq!(dearest.output_per_million, Usd::from_dollars(64));
        assert_eq!((dearest.context_tokens, dearest.output_tokens), (32_000, 16_000));
        assert_eq!(Dearest::of(&book, "openai", "no-such-model", now), None);
    }

    #[test]
    fn a_session_needs_the_dearest_response_it_can_still_have() {
        let mut bound = Bound::new();
        // 4,096 tokens in, 4,096 out.
        assert_eq!(bound.cost(&DEAREST), usd("0.393216"));
        bound.configured(Some(1_000));
        assert_eq!(bound.cost(&DEAREST), usd("0.195072"));
        hear(&mut bound, r#"{"type":"session.update","session":{"max_output_tokens":2000}}"#);
        assert_eq!(bound.cost(&DEAREST), usd("0.259072"), "raised at once");
        bound.configured(Some(500));
        hear(&mut bound, r#"{"type":"response.create","response":{"max_output_tokens":1000}}"#);
        assert_eq!(bound.cost(&DEAREST), usd("0.195072"), "the response has a limit of its own");
        hear(&mut bound, r#"{"type":"response.create"}"#);
        assert_eq!(bound.cost(&DEAREST), usd("0.390144"), "two at once");
        bound.began();
        bound.ended(None);
        bound.refused();
        assert!(bound.rests());
        assert_eq!(bound.cost(&DEAREST), usd("0.163072"));
        hear(&mut bound, r#"{"type":"session.update","session":{"prompt":{"id":"p"}}}"#);
        assert_eq!(bound.cost(&DEAREST), usd("1.056"), "the whole context");
    }

    #[test]
    fn audio_counts_by_its_length_and_text_by_its_bytes() {
        let mut bound = Bound::new();
        bound.configured(Some(0));
        let second =
            format!(r#"{{"type":"input_audio_buffer.append","audio":"{}"}}"#, "A".repeat(64_000));
        hear(&mut bound, &second);
        assert_eq!(bound.cost(&DEAREST), DEAREST.cost(4_096, 0), "a second is some hundred tokens");
        let text =
            format!(r#"{{"type":"conversation.item.create","item":"{}"}}"#, "x".repeat(20_000));
        hear(&mut bound, &text);
        assert_eq!(bound.cost(&DEAREST), DEAREST.cost(12_288, 0));
    }

    #[test]
    fn what_was_said_belongs_to_the_conversation() {
        let mut bound = Bound::new();
        bound.configured(Some(0));
        bound.began();
        assert!(bound.is_running());
        let meters = Meters::NONE.with(Meter::InputText, 9_000).with(Meter::OutputAudio, 500);
        bound.ended(Some(&Usage { meters, ..Usage::default() }));
        assert_eq!(bound.cost(&DEAREST), DEAREST.cost(12_288, 0));
    }
}
