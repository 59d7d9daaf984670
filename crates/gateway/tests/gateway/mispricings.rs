//! What other gateways were reported to misprice by the way they read a provider's words: from the bytes
//! of an answer to its price, in one step.

use std::sync::LazyLock;

use bytes::Bytes;
use dialects::{Facts, ReplyContext, StreamTranscoder, transcode_reply};
use events::Dialect;
use pricing::{PriceBook, PriceContext, Query};
use units::{UnixMicros, Usd};

static BOOK: LazyLock<PriceBook> = LazyLock::new(|| PriceBook::embedded().unwrap());

const GPT: (&str, &str) = ("openai", "gpt-5.4");
/// 2026-11-22T12:00:00Z.
const NOW: UnixMicros = UnixMicros::new(1_795_348_800_000_000);

/// The price of what is known of an answer; nothing was estimated for the prompt.
fn cost((provider, model): (&str, &str), facts: &Facts) -> Option<Usd> {
    let (usage, _) = facts.usage_to_bill(0);
    let context = PriceContext {
        service_tier: usage.service_tier.as_deref(),
        processing: usage.processing.as_deref(),
        speed: usage.speed.as_deref(),
        inference_geo: usage.inference_geo.as_deref(),
        ..PriceContext::NONE
    };
    let query = Query { provider, model, at: NOW, context, meters: &usage.meters };
    BOOK.price(&query).map(|priced| priced.cost)
}

fn plain(dialect: Dialect, body: &str) -> Facts {
    let body = Bytes::from(body.to_owned());
    transcode_reply(dialect, Dialect::OpenaiChat, &body, &ReplyContext::unpriced()).unwrap().facts
}

/// Everything known of a stream of OpenAI's, which may end early.
fn streamed(events: &[&str]) -> Facts {
    let context = ReplyContext::unpriced();
    let mut stream = StreamTranscoder::new(Dialect::OpenaiChat, Dialect::OpenaiChat, context);
    for event in events {
        stream.push(&Bytes::from(format!("data: {event}\n\n"))).unwrap();
    }
    stream.facts().clone()
}

fn usd(text: &str) -> Option<Usd> {
    Some(text.parse().unwrap())
}

const BEGUN: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5.4","choices":[{"index":0,"delta":{"role":"assistant","content":"one two three"},"finish_reason":null}]}"#;
const USAGE: &str = r#""usage":{"prompt_tokens":100000,"completion_tokens":10,"total_tokens":100010,"prompt_tokens_details":{"cached_tokens":99000},"completion_tokens_details":{"reasoning_tokens":4}}"#;

fn last(members: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5.4","choices":[],{members}}}"#
    )
}

/// BerriAI/litellm #14849, maximhq/bifrost #3451: cached tokens once at their own rate and once more as
/// input.
#[test]
fn tokens_of_anthropics_cache_are_charged_once() {
    let facts = plain(
        Dialect::AnthropicMessages,
        r#"{"id":"msg","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"a"}],
            "stop_reason":"end_turn","usage":{"input_tokens":1000,"cache_read_input_tokens":100000,
            "cache_creation_input_tokens":1000,"output_tokens":100}}"#,
    );
    // 0.003 + 0.03 + 0.00375 + 0.0015
    assert_eq!(cost(("anthropic", "claude-sonnet-4-5"), &facts), usd("0.03825"));
}

/// BerriAI/litellm #11789 and #39088: cache reads of a stream at the full rate, its details dropped.
#[test]
fn cache_reads_of_a_stream_cost_their_own_rate() {
    let facts = streamed(&[BEGUN, &last(USAGE), "[DONE]"]);
    // 1,000 x 2.5 + 99,000 x 0.25 + 10 x 15, all per million
    assert_eq!(cost(GPT, &facts), usd("0.0274"));
}

/// BerriAI/litellm #16341: a cache the provider used on its own was ignored.
#[test]
fn a_cache_that_nobody_asked_for_is_still_a_cache() {
    let facts = plain(
        Dialect::OpenaiChat,
        &format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"gpt-5.4","choices":[{{"index":0,
                "message":{{"role":"assistant","content":"a"}},"finish_reason":"stop"}}],{USAGE}}}"#
        ),
    );
    assert_eq!(cost(GPT, &facts), usd("0.0274"));
}

/// BerriAI/litellm #37046 and #13810, Portkey-AI/gateway #1511: the tier of the answer was not looked at.
#[test]
fn the_tier_the_answer_names_is_the_tier_that_is_billed() {
    // A cached token on flex is 0.13 per million, not half of 0.25.
    for (tier, expected) in [("default", "0.0274"), ("flex", "0.014195"), ("priority", "0.0548")] {
        let usage = format!(r#"{USAGE},"service_tier":"{tier}""#);
        let facts = streamed(&[BEGUN, &last(&usage), "[DONE]"]);
        assert_eq!(cost(GPT, &facts), usd(expected), "{tier}");
    }
}

/// BerriAI/litellm PR #30630, #33736, #37558, #36008: streams cut short recorded as zero.
#[test]
fn a_stream_cut_short_costs_what_it_had_produced() {
    let facts = streamed(&[BEGUN]);
    assert!(facts.usage.is_none());
    assert!(cost(GPT, &facts) > Some(Usd::ZERO));
}

/// The same usage in `usage` and in `x_groq`.
#[test]
fn usage_told_twice_is_charged_once() {
    let copy = format!(r#""x_groq":{{{USAGE}}},{USAGE}"#);
    let facts = streamed(&[BEGUN, &last(&copy), "[DONE]"]);
    assert_eq!(cost(GPT, &facts), usd("0.0274"));
}

/// BerriAI/litellm PR #37077: batches recorded at $0.
#[test]
fn a_batch_of_anthropics_costs_half() {
    let facts = plain(
        Dialect::AnthropicMessages,
        r#"{"id":"msg","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"a"}],
            "stop_reason":"end_turn","usage":{"input_tokens":1000,"output_tokens":100,"service_tier":"batch"}}"#,
    );
    assert_eq!(cost(("anthropic", "claude-sonnet-4-5"), &facts), usd("0.00225"));
}
