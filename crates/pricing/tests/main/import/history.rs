//! Laws of imports: the past stays, and saying the same again says nothing.

use std::sync::LazyLock;

use events::Meter::{CacheReadText, InputText, OutputText};
use pricing::import::{CatalogFormat, ImportError, Imported};
use pricing::{Layer, LayerKind, PriceBook, PriceContext};
use proptest::prelude::*;

use super::{FIRST, SECOND, over, priced, under_layers};
use crate::{instant, meters, usd};

const THIRD: &str = "2026-12-01T00:00:00Z";

/// A small catalog under the imports: a model of two names with a price for batches, one of another
/// seller with a date, and a reseller of both.
const BELOW: &str = r#"{"providers": [
  {"id": "openai", "models": [{"id": "gpt-5.4", "match": {"starts_with": "gpt-5.4"},
    "prices": [{"rates": {"input": "2", "output": "8", "cache_read": "0.2"},
                "tiers": [{"above": 272000, "rates": {"input": "4"}}]}],
    "variants": [{"when": {"processing": "batch"}, "rates": {"input": "1", "output": "4"}}]}]},
  {"id": "anthropic", "models": [{"id": "claude-3", "match": {"starts_with": "claude-3"},
    "prices": [{"rates": {"input": "1", "output": "2"}},
               {"from": "2025-06-01", "rates": {"input": "3", "output": "4"}}]}]},
  {"id": "azure", "fallback": ["openai"], "models": []}]}"#;

fn below() -> Vec<Layer> {
    vec![Layer { kind: LayerKind::Embedded, name: "below.json".into(), json: BELOW.into() }]
}

static SMALL: LazyLock<PriceBook> = LazyLock::new(|| PriceBook::compose(&below()).unwrap());

/// A model of each kind: unknown to the catalog, of its own id, of another id of it, of a reseller.
const MODELS: [(&str, &str); 5] = [
    ("openai", "acme"),
    ("openai", "gpt-5.4"),
    ("openai", "gpt-5.4-2026-03-05"),
    ("anthropic", "claude-3-5-haiku-20241022"),
    ("azure", "gpt-5.4-mini"),
];

/// A catalog that prices those models, in dollars for a million tokens.
fn catalog(prices: &[[u32; 3]]) -> String {
    let entries: Vec<String> = MODELS
        .iter()
        .zip(prices)
        .filter(|(_, [input, ..])| *input > 0)
        .map(|((provider, id), [input, output, batch])| {
            let batch = match batch {
                0 => String::new(),
                batch => format!(r#","input_cost_per_token_batches": {batch}e-8"#),
            };
            format!(
                r#""{provider}/{id}": {{"litellm_provider": "{provider}", "mode": "chat",
                   "input_cost_per_token": {input}e-8, "output_cost_per_token": {output}e-8{batch}}}"#
            )
        })
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn import_at(text: &str, previous: Option<&Imported>, at: &str) -> Imported {
    over(&SMALL, (CatalogFormat::Litellm, text), previous, at).unwrap()
}

fn under(imported: &Imported) -> PriceBook {
    under_layers(below(), imported)
}

/// Every price of every model at an instant, plain and as a batch, for a short and a long prompt.
fn all(book: &PriceBook, at: &str) -> Vec<Option<units::Usd>> {
    let batch = PriceContext { processing: Some("batch"), ..PriceContext::NONE };
    let mut prices = Vec::new();
    for (provider, model) in MODELS {
        for context in [PriceContext::NONE, batch] {
            for input in [1_000, 400_000] {
                let used = meters(&[(InputText, input), (OutputText, 7), (CacheReadText, 3)]);
                prices.push(priced(book, (provider, model), instant(at), (context, &used)));
            }
        }
    }
    prices
}

#[test]
fn a_changed_price_holds_from_when_it_was_seen_and_not_before() {
    let first = import_at(&catalog(&[[100, 400, 50]]), None, FIRST);
    let second = import_at(&catalog(&[[200, 400, 0]]), Some(&first), SECOND);
    assert_eq!((second.added, second.changed, second.unchanged), (0, 1, 0));
    let book = under(&second);
    let cost = |at: &str, context| {
        let used = meters(&[(InputText, 1_000_000)]);
        priced(&book, ("openai", "acme"), instant(at), (context, &used))
    };
    let batch = PriceContext { processing: Some("batch"), ..PriceContext::NONE };
    assert_eq!(cost("2026-11-22T11:59:59.999999Z", PriceContext::NONE), None);
    assert_eq!(cost(FIRST, PriceContext::NONE), usd("1"));
    assert_eq!(cost(FIRST, batch), usd("0.5"));
    assert_eq!(cost("2026-11-24T11:59:59.999999Z", PriceContext::NONE), usd("1"));
    assert_eq!(cost(SECOND, PriceContext::NONE), usd("2"));
    assert_eq!(cost(SECOND, batch), usd("2"));
}

#[test]
fn a_model_that_leaves_the_catalog_keeps_its_price() {
    let first = import_at(&catalog(&[[100, 400, 50], [777, 888, 0]]), None, FIRST);
    let second = import_at(&catalog(&[[100, 400, 50]]), Some(&first), SECOND);
    assert_eq!((second.changed, second.unchanged), (0, 1));
    assert_eq!(second.layer_json, first.layer_json);
}

#[test]
fn a_catalog_of_the_past_is_refused_where_it_says_something_else() {
    let first = import_at(&catalog(&[[100, 400, 0]]), None, SECOND);
    let again =
        over(&SMALL, (CatalogFormat::Litellm, &catalog(&[[100, 400, 0]])), Some(&first), FIRST);
    assert_eq!(again.unwrap().layer_json, first.layer_json);
    for at in [FIRST, SECOND] {
        let error =
            over(&SMALL, (CatalogFormat::Litellm, &catalog(&[[200, 400, 0]])), Some(&first), at);
        let error = error.unwrap_err();
        assert!(matches!(error, ImportError::OutOfOrder { .. }), "{error}");
        assert!(error.to_string().contains("in the order they were fetched"), "{error}");
    }
}

#[test]
fn factors_begin_and_end_with_the_import_that_says_so() {
    let with = |factor: &str| {
        let text = r#"{"acme": {"litellm_provider": "openai", "mode": "chat",
            "input_cost_per_token": 1e-6, "regional_processing_uplift_multiplier_eu": FACTOR}}"#;
        text.replace("FACTOR", factor)
    };
    let first = import_at(&with("1.1"), None, FIRST);
    let second = import_at(&with("1.2"), Some(&first), SECOND);
    let third = import_at(&with("null"), Some(&second), THIRD);
    let book = under(&third);
    let cost = |at: &str| {
        let context = PriceContext { inference_geo: Some("eu"), ..PriceContext::NONE };
        priced(
            &book,
            ("openai", "acme"),
            instant(at),
            (context, &meters(&[(InputText, 1_000_000)])),
        )
    };
    assert_eq!([cost(FIRST), cost(SECOND), cost(THIRD)], [usd("1.1"), usd("1.2"), usd("1")]);
}

fn some_prices() -> impl Strategy<Value = Vec<[u32; 3]>> {
    let price = prop_oneof![Just(0), 1_u32..5, 1_u32..500_000];
    proptest::collection::vec([price.clone(), price.clone(), price], MODELS.len())
        .prop_filter("an import of nothing is an error", |all| all.iter().any(|p| p[0] > 0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn importing_the_same_text_twice_changes_nothing(prices in some_prices(), more in some_prices()) {
        let first = import_at(&catalog(&prices), None, FIRST);
        let again = import_at(&catalog(&prices), Some(&first), SECOND);
        prop_assert_eq!(&again.layer_json, &first.layer_json);
        prop_assert_eq!((again.added, again.changed), (0, 0));
        let second = import_at(&catalog(&more), Some(&first), SECOND);
        let again = import_at(&catalog(&more), Some(&second), THIRD);
        prop_assert_eq!(&again.layer_json, &second.layer_json);
    }

    #[test]
    fn an_earlier_instants_price_never_changes_after_an_import(
        prices in some_prices(), more in some_prices(),
    ) {
        let first = under(&import_at(&catalog(&prices), None, FIRST));
        for at in ["2024-01-01T00:00:00Z", "2026-11-22T11:59:59.999999Z"] {
            prop_assert_eq!(all(&first, at), all(&SMALL, at), "{}", at);
        }
        let imported = import_at(&catalog(&prices), None, FIRST);
        let second = under(&import_at(&catalog(&more), Some(&imported), SECOND));
        for at in ["2024-01-01T00:00:00Z", FIRST, "2026-11-24T11:59:59.999999Z"] {
            prop_assert_eq!(all(&second, at), all(&first, at), "{}", at);
        }
    }

    #[test]
    fn every_amount_is_exact(digits in 1_u64..1_000_000_000_000, power in 7_u32..24) {
        let text = format!(
            r#"{{"acme": {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": {digits}e-{power}}}}}"#
        );
        prop_assume!(u128::from(digits) * 1_000_000 < 1_000_000_000 * 10_u128.pow(power));
        let imported = import_at(&text, None, FIRST);
        let start = imported.layer_json.split("\"input\":\"").nth(1).unwrap();
        let told: String = start.chars().take_while(|c| *c != '"').collect();
        let (whole, part) = told.split_once('.').unwrap_or((&told, ""));
        let shown: u128 = format!("{whole}{part}").parse().unwrap();
        let decimals = u32::try_from(part.len()).unwrap();
        prop_assert!(decimals <= power);
        // Both are dollars for a million tokens, in units of 10^-power.
        prop_assert_eq!(shown * 10_u128.pow(power - decimals), u128::from(digits) * 1_000_000);
    }
}
