//! The shipped lives of models.

use jiff::civil::Date;
use pricing::life::Lifecycle;

use crate::BOOK;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn every_life_names_its_source_and_a_provider_of_the_catalog() {
    let lifecycle = Lifecycle::embedded().unwrap();
    assert!(lifecycle.iter().count() >= 150);
    for life in lifecycle.iter() {
        assert!(life.source.starts_with("https://") && life.checked_on.is_some(), "{life:?}");
        assert_eq!(BOOK.provider_named(&life.provider), Some(&*life.provider), "{life:?}");
        assert_ne!(life.replacement.as_deref(), Some(&*life.model), "{life:?}");
        let announced = life.deprecated_on.zip(life.retires_on);
        assert!(announced.is_none_or(|(told, ends)| told < ends), "{life:?}");
    }
}

#[test]
fn a_model_is_found_by_its_name_and_never_by_a_similar_one() {
    let lifecycle = Lifecycle::embedded().unwrap();
    let replacement = |provider, model| {
        lifecycle.of(provider, model).and_then(|life| life.replacement.as_deref())
    };
    assert_eq!(replacement("anthropic", "claude-sonnet-4-5-20250929"), Some("claude-sonnet-5-5"));
    assert_eq!(replacement("x-ai", "grok-3"), Some("grok-4.3"));
    assert_eq!(replacement("xai", "xai/Grok-3"), Some("grok-4.3"));
    assert!(lifecycle.of("bedrock", "us.anthropic.claude-opus-4-20250514-v1:0").is_some());
    assert!(lifecycle.of("openai", "claude-sonnet-4-5-20250929").is_none());
    assert!(lifecycle.of("openai", "gpt-5-2025-08-08").is_none());
}

#[test]
fn the_dying_are_told_in_the_order_they_go() {
    let lifecycle = Lifecycle::embedded().unwrap();
    let dying = lifecycle.dying(day("2026-11-22"), day("2026-12-12"));
    let days: Vec<Date> = dying.iter().filter_map(|life| life.retires_on).collect();
    assert!(days.is_sorted() && days.len() == dying.len() && dying.len() > 10);
    assert_eq!(dying[0].retires_on, Some(day("2026-11-30")));
    assert!(dying.iter().any(|life| life.model == "gpt-5" && life.provider == "openai"));
    assert!(lifecycle.dying(day("2026-12-12"), day("2026-12-12")).is_empty());
}
