//! Known amounts.

use events::Meter::{
    AudioSeconds, CacheReadAudio, CacheReadText, CacheWrite1h, CacheWrite5m, CacheWrite12h,
    InputText, OutputText, Reasoning, Request, WebSearch,
};
use events::Meters;
use pricing::{PriceContext, PriceKey, Query};

use crate::{BOOK, cost, instant, meters, usd};

const NOW: &str = "2026-11-22T12:00:00Z";
const GPT: (&str, &str) = ("openai", "gpt-5.4");
const CLAUDE: (&str, &str) = ("anthropic", "claude-fable-5-2");

#[test]
fn a_long_prompt_flips_the_rate_of_the_whole_request_cached_tokens_counted() {
    let long = meters(&[(InputText, 200_000), (CacheReadText, 100_000), (OutputText, 1_234)]);
    assert_eq!(cost(&BOOK, GPT, NOW, &long), usd("1.077765"));
    let exactly = meters(&[(InputText, 172_000), (CacheReadText, 100_000)]);
    assert_eq!(cost(&BOOK, GPT, NOW, &exactly), usd("0.455"));
    let one_more = meters(&[(InputText, 172_001), (CacheReadText, 100_000)]);
    assert_eq!(cost(&BOOK, GPT, NOW, &one_more), usd("0.910005"));
}

#[test]
fn cache_lifetimes_and_searches_have_their_own_rates() {
    let used = meters(&[
        (InputText, 500),
        (CacheReadText, 200),
        (CacheWrite5m, 100),
        (CacheWrite1h, 200),
        (OutputText, 50),
        (WebSearch, 3),
    ]);
    assert_eq!(cost(&BOOK, CLAUDE, NOW, &used), usd("0.04024"));
}

#[test]
fn a_threshold_can_include_its_own_value() {
    let used = meters(&[(InputText, 200_000), (OutputText, 20)]);
    assert_eq!(cost(&BOOK, ("xai", "grok-4.7"), NOW, &used), usd("0.80024"));
}

#[test]
fn an_hourly_price_ends_at_its_second() {
    let used = meters(&[(InputText, 1_000), (OutputText, 20)]);
    let deepseek = ("deepseek", "deepseek-flash");
    assert_eq!(cost(&BOOK, deepseek, "2026-11-22T03:59:59Z", &used), usd("0.000324"));
    assert_eq!(cost(&BOOK, deepseek, "2026-11-22T04:00:00Z", &used), usd("0.000162"));
}

#[test]
fn the_price_is_that_of_the_day_of_the_request() {
    let used = meters(&[(InputText, 1_000_000)]);
    assert_eq!(cost(&BOOK, ("openai", "o3"), "2025-06-09T23:59:59Z", &used), usd("10"));
    assert_eq!(cost(&BOOK, ("openai", "o3"), "2025-06-10T00:00:00Z", &used), usd("2"));
}

#[test]
fn reasoning_is_output_where_it_has_no_price_of_its_own() {
    let answer = meters(&[(OutputText, 100), (Reasoning, 900)]);
    assert_eq!(
        cost(&BOOK, GPT, NOW, &answer),
        cost(&BOOK, GPT, NOW, &meters(&[(OutputText, 1_000)]))
    );
    let research = ("perplexity", "sonar-deep-research");
    assert_eq!(cost(&BOOK, research, NOW, &answer), usd("0.0035"));
}

#[test]
fn a_meter_takes_the_price_of_its_nearest_ancestor() {
    let used = meters(&[(CacheWrite12h, 10), (CacheReadAudio, 10), (Reasoning, 10)]);
    let (provider, model) = CLAUDE;
    let query =
        Query { provider, model, at: instant(NOW), context: PriceContext::NONE, meters: &used };
    let priced = BOOK.price(&query).unwrap();
    let keys: Vec<PriceKey> = priced.lines().map(|line| line.key).collect();
    assert_eq!(keys, [PriceKey::CacheRead, PriceKey::CacheWrite, PriceKey::Output]);
}

#[test]
fn what_has_no_price_adds_nothing_and_is_told() {
    let (provider, model) = ("openai", "text-embedding-3-small");
    let used = meters(&[(InputText, 1_000_000), (WebSearch, 2)]);
    let query =
        Query { provider, model, at: instant(NOW), context: PriceContext::NONE, meters: &used };
    let priced = BOOK.price(&query).unwrap();
    assert_eq!(Some(priced.cost), usd("0.02"));
    assert_eq!(priced.unpriced().collect::<Vec<_>>(), [(WebSearch, 2)]);
    assert_eq!(priced.lines().count(), 1);
}

#[test]
fn an_unknown_cost_is_never_zero() {
    let used = meters(&[(InputText, 1)]);
    for (provider, model) in [
        ("openai", "no-such-model"),
        ("no-such-provider", "gpt-5.4"),
        ("openai", ""),
        ("", "gpt-5.4"),
        ("openai", &"x".repeat(100_000)),
        ("github-copilot", "gpt-4o"),
    ] {
        assert_eq!(cost(&BOOK, (provider, model), NOW, &used), None, "{provider} {model}");
        assert!(!BOOK.is_priced(provider, model, instant(NOW)), "{provider} {model}");
    }
    let searched = meters(&[(WebSearch, 1)]);
    assert_eq!(cost(&BOOK, ("openai", "text-embedding-3-small"), NOW, &searched), None);
    assert!(BOOK.is_priced("OpenAI", "GPT-5.4", instant(NOW)));
}

#[test]
fn nothing_used_costs_nothing_and_a_free_model_is_free() {
    assert_eq!(cost(&BOOK, GPT, NOW, &Meters::NONE), usd("0"));
    let free = ("openrouter", "deepseek/deepseek-r1:free");
    assert_eq!(cost(&BOOK, free, NOW, &meters(&[(InputText, 5)])), usd("0"));
}

#[test]
fn a_fee_per_request_is_charged_once_for_any_use() {
    let sonar = ("perplexity", "sonar-pro");
    let used = meters(&[(InputText, 1_000)]);
    assert_eq!(cost(&BOOK, sonar, NOW, &used), usd("0.017"));
    assert_eq!(cost(&BOOK, sonar, NOW, &used.with(Request, 1)), usd("0.017"));
    assert_eq!(cost(&BOOK, sonar, NOW, &used.with(Request, 2)), usd("0.031"));
    assert_eq!(cost(&BOOK, sonar, NOW, &Meters::NONE), usd("0"));
}

#[test]
fn a_minimum_is_billed_only_for_what_was_used() {
    let whisper = ("groq", "whisper-large-v3");
    let seconds = |n| cost(&BOOK, whisper, NOW, &meters(&[(AudioSeconds, n)]));
    assert_eq!(seconds(3), seconds(10));
    assert!(seconds(10) < seconds(11));
    assert_eq!(seconds(0), usd("0"));
}

#[test]
fn a_reseller_sells_the_models_it_falls_back_to_at_their_list_price() {
    let used = meters(&[(InputText, 1_000)]);
    let (provider, model) = ("azure", "gpt-5.5");
    let tier = Some("flex");
    let context = PriceContext { service_tier: tier, ..PriceContext::NONE };
    let query = Query { provider, model, at: instant(NOW), context, meters: &used };
    let priced = BOOK.price(&query).unwrap();
    assert_eq!((priced.provider_id, priced.model_id), ("azure", "gpt-5.5"));
    assert_eq!(Some(priced.cost), cost(&BOOK, ("openai", "gpt-5.5"), NOW, &used));
}

#[test]
fn providers_and_models_answer_to_their_other_names() {
    let used = meters(&[(InputText, 1_000)]);
    let same = |a, b| assert_eq!(cost(&BOOK, a, NOW, &used), cost(&BOOK, b, NOW, &used), "{a:?}");
    same(("xai", "grok-4.7"), ("x-ai", "grok-4.7"));
    same((" Bedrock ", "openai.gpt-5.4"), ("aws", "OPENAI.GPT-5.4"));
    same(("gemini", "gemini-2.5-pro"), ("google", "gemini-2.5-pro"));
    same(("openai", "gpt-5.4-20260305"), GPT);
    assert_eq!(BOOK.provider_of("claude-x"), Some("anthropic"));
    assert_eq!(BOOK.provider_of("Grok-9"), Some("x-ai"));
    assert_eq!(BOOK.provider_of("magistral-small"), Some("mistral"));
    assert_eq!(BOOK.provider_of("acme/magistral-small"), None);
}

#[test]
fn limits_are_told_where_they_are_known() {
    assert_eq!(BOOK.limits("openai", "gpt-5.4").context_tokens, Some(1_050_000));
    assert_eq!(BOOK.limits("openai", "no-such-model"), pricing::ModelLimits::default());
}
