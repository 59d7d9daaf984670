//! Laws of pricing that hold for every model of the catalog.

use std::sync::LazyLock;

use events::{Meter, Meters};
use pricing::{PriceBook, PriceContext, Query};
use proptest::prelude::*;
use units::{UnixMicros, Usd};

use crate::BOOK;

/// Below every long-context threshold of the catalog (the lowest is 32,000) whatever is added.
const SMALL: u64 = 500;

/// Provider and model of each recorded case.
static MODELS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let text = include_str!("../../data/goldens.jsonl");
    let field = |line: &str, name: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value[name].as_str().unwrap().to_owned()
    };
    text.lines().map(|line| (field(line, "provider"), field(line, "model"))).collect()
});

fn some_model() -> impl Strategy<Value = &'static (String, String)> {
    (0..MODELS.len()).prop_map(|index| &MODELS[index])
}

fn some_meters() -> impl Strategy<Value = Meters> {
    proptest::collection::vec((0..Meter::COUNT, 1..SMALL), 0..8)
        .prop_map(|pairs| pairs.into_iter().map(|(meter, n)| (Meter::ALL[meter], n)).collect())
}

/// The cost before rounding, in 1e-18 USD, and after; what has no price costs nothing here.
fn amount(model: &(String, String), at: UnixMicros, used: &Meters) -> (i128, Usd) {
    let query = Query {
        provider: &model.0,
        model: &model.1,
        at,
        context: PriceContext::NONE,
        meters: used,
    };
    match BOOK.price(&query) {
        Some(priced) => (priced.lines().map(|line| line.amount_atto).sum(), priced.cost),
        None => (0, Usd::ZERO),
    }
}

fn part(used: &Meters, mask: u32) -> Meters {
    // The fee per request is charged once for any use, so it belongs to no part.
    let chosen = |meter: &Meter| mask >> (*meter as usize) & 1 == 1 && *meter != Meter::Request;
    used.iter().filter(|(meter, _)| chosen(meter)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_cost_of_disjoint_meters_is_the_sum_of_their_costs(
        model in some_model(), used in some_meters(), mask in any::<u32>(), at in 0_i64..1_900_000_000_000_000,
    ) {
        let at = UnixMicros::new(at);
        prop_assume!(!model.1.to_lowercase().contains("sonar"));
        let (left, right) = (part(&used, mask), part(&used, !mask));
        let together: Meters = left.iter().chain(right.iter()).collect();
        let sum = amount(model, at, &left).0 + amount(model, at, &right).0;
        prop_assert_eq!(amount(model, at, &together).0, sum);
    }

    #[test]
    fn using_more_never_costs_less(
        model in some_model(), used in some_meters(), more in some_meters(), at in 0_i64..1_900_000_000_000_000,
    ) {
        let at = UnixMicros::new(at);
        let together: Meters = used.iter().chain(more.iter()).collect();
        prop_assert!(amount(model, at, &together).0 >= amount(model, at, &used).0);
    }

    #[test]
    fn a_row_is_its_lines_rounded_once(model in some_model(), used in some_meters()) {
        let (atto, cost) = amount(model, UnixMicros::new(1_790_000_000_000_000), &used);
        let error = cost.pico() * 1_000_000 - atto;
        prop_assert!(error.abs() <= 500_000, "{atto} became {cost}");
    }

    #[test]
    fn no_request_is_too_large_or_too_odd_to_price(
        model in some_model(), at in any::<i64>(), quantity in any::<u64>(), name in "\\PC{0,300}",
    ) {
        let used: Meters = Meter::ALL.iter().map(|meter| (*meter, quantity)).collect();
        let (_, cost) = amount(model, UnixMicros::new(at), &used);
        prop_assert!(cost >= Usd::ZERO);
        let query = Query {
            provider: "openai", model: &name, at: UnixMicros::new(at), context: PriceContext { service_tier: Some(&name), speed: Some(&name), ..PriceContext::NONE }, meters: &used,
        };
        let _ = BOOK.price(&query);
        prop_assert_eq!(BOOK.limits(&name, &name), pricing::ModelLimits::default());
    }
}

#[test]
fn files_about_different_models_may_be_laid_in_any_order() {
    let lay = |order: [usize; 4]| {
        let over = |book: PriceBook, index| book.with_overlay(FILES[index], "prices.json").unwrap();
        let book = order.into_iter().fold(BOOK.clone(), over);
        book.version().to_owned()
    };
    let first = lay([0, 1, 2, 3]);
    for order in [[3, 2, 1, 0], [1, 2, 3, 0], [2, 0, 3, 1], [0, 3, 1, 2]] {
        assert_eq!(lay(order), first, "{order:?}");
    }
}

const FILES: [&str; 4] = [
    r#"{"providers":[{"id":"openai","models":[{"id":"gpt-5.4","prices":[{"rates":{"input":"2"}}]}]}]}"#,
    r#"{"providers":[{"id":"openai","models":[{"id":"zz","match":{"starts_with":"zz"},"prices":[{"rates":{"input":"1"}}]}]}]}"#,
    r#"{"providers":[{"id":"openai","models":[{"id":"aa","prices":[{"rates":{"output":"1"}}]}]},
                     {"id":"acme","models":[{"id":"m","prices":[{"rates":{"output":"1"}}]}]}]}"#,
    r#"{"providers":[{"id":"0-first","fallback":["openai"],"models":[]}]}"#,
];
