//! What other gateways were reported to misprice, as far as it is a matter of prices; where it is one of
//! reading a provider's words, the gateway's tests hold it.

use events::Meter::{CacheReadText, CacheWrite1h, CacheWrite5m, InputText, OutputText, Reasoning};
use events::Meters;
use pricing::{PriceContext, Query};
use units::Usd;

use crate::{BOOK, cost, instant, meters, usd};

const NOW: &str = "2026-11-22T12:00:00Z";
const GPT: (&str, &str) = ("openai", "gpt-5.4");
const CLAUDE: (&str, &str) = ("anthropic", "claude-fable-5-2");

fn in_context(
    (provider, model): (&str, &str),
    context: PriceContext<'_>,
    used: &Meters,
) -> Option<Usd> {
    let query = Query { provider, model, at: instant(NOW), context, meters: used };
    BOOK.price(&query).map(|priced| priced.cost)
}

fn tier(service_tier: &str) -> PriceContext<'_> {
    PriceContext { service_tier: Some(service_tier), ..PriceContext::NONE }
}

/// BerriAI/litellm #14849 and maximhq/bifrost #3451: cached tokens at their own rate and again inside
/// the input ($1.86 for $1.06).
#[test]
fn cached_tokens_are_charged_once() {
    let used = meters(&[(InputText, 10), (CacheReadText, 990), (CacheWrite5m, 500)]);
    let alone = |meter, n| cost(&BOOK, CLAUDE, NOW, &meters(&[(meter, n)]));
    let parts = [alone(InputText, 10), alone(CacheReadText, 990), alone(CacheWrite5m, 500)];
    let sum: Option<Usd> = parts.into_iter().sum::<Option<Usd>>();
    assert_eq!(cost(&BOOK, CLAUDE, NOW, &used), sum);
    assert!(sum < alone(InputText, 1_500));
}

/// BerriAI/litellm #11789 and #16341: cache reads, streamed or implicit, at the full rate.
#[test]
fn a_cache_read_costs_its_own_rate_wherever_it_comes_from() {
    let read = meters(&[(CacheReadText, 100_000)]);
    for (model, expected) in [
        (GPT, "0.025"),
        (("anthropic", "claude-sonnet-4-5"), "0.03"),
        (("google", "gemini-2.5-pro"), "0.0125"),
    ] {
        let full = cost(&BOOK, model, NOW, &meters(&[(InputText, 100_000)]));
        assert_eq!(cost(&BOOK, model, NOW, &read), usd(expected), "{model:?}");
        assert!(full > usd(expected), "{model:?}");
    }
}

/// BerriAI/litellm #39088: a prompt whose details were dropped was billed eight times over.
#[test]
fn a_prompt_mostly_from_the_cache_costs_a_fraction() {
    let split = meters(&[(InputText, 1_000), (CacheReadText, 99_000)]);
    let whole = meters(&[(InputText, 100_000)]);
    let (split, whole) = (cost(&BOOK, GPT, NOW, &split), cost(&BOOK, GPT, NOW, &whole));
    assert_eq!((split, whole), (usd("0.02725"), usd("0.25")));
}

/// BerriAI/litellm #37046 and #13810, Portkey-AI/gateway #1511: flex and priority at the standard rate.
#[test]
fn the_tier_served_decides_the_rate() {
    let used = meters(&[(InputText, 250_000), (OutputText, 1_000)]);
    for (name, expected) in [
        ("default", "0.64"),
        ("standard", "0.64"),
        ("on_demand", "0.64"),
        ("auto", "0.64"),
        ("flex", "0.32"),
        ("priority", "1.28"),
        ("batch", "0.32"),
    ] {
        assert_eq!(in_context(GPT, tier(name), &used), usd(expected), "{name}");
    }
    assert_eq!(in_context(GPT, PriceContext::NONE, &used), usd("0.64"));
}

/// BerriAI/litellm PR #37077: batches recorded at $0.
#[test]
fn a_batch_costs_half_and_not_nothing() {
    let used = meters(&[(InputText, 200_000), (OutputText, 1_000)]);
    let batch = PriceContext { processing: Some("batch"), ..PriceContext::NONE };
    assert_eq!(in_context(GPT, PriceContext::NONE, &used), usd("0.515"));
    assert_eq!(in_context(GPT, batch, &used), usd("0.2575"));
    // Where no price of a batch is known it costs as much as without, never nothing.
    let groq = ("groq", "llama-3.3-70b-versatile");
    let plain = in_context(groq, PriceContext::NONE, &used);
    assert!(plain > Some(Usd::ZERO));
    assert_eq!(in_context(groq, batch, &used), plain);
}

/// BerriAI/litellm PR #30630, #33736, #37558 and #36008: streams that were aborted recorded as zero.
#[test]
fn what_was_used_before_an_abort_has_its_cost() {
    let begun = meters(&[(InputText, 1_000), (OutputText, 1)]);
    assert_eq!(cost(&BOOK, GPT, NOW, &begun), usd("0.002515"));
    // Nothing known of the model is unknown, which is not zero either.
    assert_eq!(cost(&BOOK, ("openai", "no-such-model"), NOW, &begun), None);
}

/// What `x_groq.usage` repeats, read twice.
#[test]
fn the_same_usage_read_twice_would_cost_twice_so_nothing_here_adds_it_up() {
    let groq = ("groq", "llama-3.3-70b-versatile");
    let once = meters(&[(InputText, 1_000_000), (OutputText, 100_000)]);
    assert_eq!(cost(&BOOK, groq, NOW, &once), usd("0.669"));
}

/// Reasoning added to the output it is part of, and writes of an hour at the price of five minutes.
#[test]
fn parts_of_a_whole_have_their_own_rate_or_that_of_the_whole_and_are_never_in_both() {
    let answer = meters(&[(OutputText, 100), (Reasoning, 900)]);
    assert_eq!(
        cost(&BOOK, GPT, NOW, &answer),
        cost(&BOOK, GPT, NOW, &meters(&[(OutputText, 1_000)]))
    );
    let written = |meter| cost(&BOOK, CLAUDE, NOW, &meters(&[(meter, 1_000_000)]));
    assert_eq!((written(CacheWrite5m), written(CacheWrite1h)), (usd("10"), usd("16")));
}
