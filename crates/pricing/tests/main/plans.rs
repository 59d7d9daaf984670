//! A plan prices to the last digit as the book does, for every request it is for.

use std::sync::LazyLock;

use events::{Meter, Meters};
use pricing::{Layer, LayerKind, PriceBook, PriceContext, Query};
use proptest::prelude::*;
use units::{UnixMicros, Usd};

use crate::goldens::{Case, recorded};
use crate::{BOOK, instant};

const DAY_US: i64 = 86_400_000_000;

/// The catalog under everything a layer can say.
pub(super) fn layered() -> PriceBook {
    let operator = r#"{"providers":[{"id":"openai","models":[
          {"id":"gpt-5.4","keep_variants":true,"prices":[
            {"to":"2026-11-01","rates":{"input":"2","output":"9"},"tiers":[{"above":1000,"rates":{"input":"3"}}]},
            {"from":"2026-11-01","rates":{"input":"1.000000000000000000007","output":"7"}}]},
          {"id":"by-the-hour","gpus":4,"concurrency":3,"prices":[{"rates":{"gpu_hour":"2.5"}}]},
          {"id":"fee","minimum":{"output.text":50},"prices":[{"rates":{"request":"0.01","output":"7"}}]},
          {"id":"late","prices":[{"from":"2026-11-20T08:00:00Z","rates":{"input":"1"}}]},
          {"id":"nightly","prices":[{"rates":{"input":"4"}},
            {"daily":["16:30","00:30"],"rates":{"input":"2"}}]}]}],
        "aliases":[{"provider":"openai","name":"ours","model":"gpt-5.4","to":"2026-11-10"},
          {"provider":"openai","name":"ours","model":"nightly","from":"2026-11-10"}],
        "multipliers":[{"provider":"openai","when":{"inference_geo":"us"},"factor":"1.1","from":"2026-11-05"}]}"#;
    let contract = r#"{"providers":[{"id":"openai","models":[
          {"id":"o3","prices":[{"from":"2026-11-08","rates":{"input":"0.7"}}]}]}],
        "multipliers":[{"provider":"openai","keys":["tokens"],"factor":"0.85","from":"2026-11-15"}]}"#;
    let layer = |kind, name: &str, json: &str| Layer { kind, name: name.into(), json: json.into() };
    let mut layers = Layer::embedded();
    layers.push(layer(LayerKind::Operator, "prices.json", operator));
    layers.push(layer(LayerKind::Contract, "contract.json", contract));
    PriceBook::compose(&layers).unwrap()
}

static LAYERED: LazyLock<PriceBook> = LazyLock::new(layered);
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| recorded().collect());

const OWN: &[&str] = &["gpt-5.4", "by-the-hour", "fee", "late", "nightly", "ours", "o3", "no-such"];

fn priced(book: &PriceBook, query: &Query<'_>) -> Option<(Usd, Usd)> {
    book.price(query).map(|priced| (priced.cost, priced.list))
}

fn planned(book: &PriceBook, like: &Query<'_>, query: &Query<'_>) -> Option<(Usd, Usd)> {
    let planned = book.plan(like).cost(query.meters, query.context.duration_us);
    planned.map(|planned| (planned.cost, planned.list))
}

#[test]
fn every_recorded_case_costs_by_plan_what_it_costs() {
    for book in [&*BOOK, &*LAYERED] {
        for case in &*CASES {
            let query = case.query();
            assert_eq!(planned(book, &query, &query), priced(book, &query), "{case:?}");
        }
    }
}

#[test]
fn a_plan_holds_until_a_price_changes_and_no_longer() {
    let used = Meters::NONE.with(Meter::InputText, 1_000_000);
    let at = |text: &str| Query {
        provider: "openai",
        model: "late",
        at: instant(text),
        context: PriceContext::NONE,
        meters: &used,
    };
    let before = at("2026-11-20T07:59:59Z");
    let plan = LAYERED.plan(&before);
    assert!(plan.holds_at(before.at) && plan.cost(&used, None).is_none());
    let after = at("2026-11-20T08:00:00Z");
    assert!(!plan.holds_at(after.at));
    assert!(LAYERED.plan(&after).holds_at(after.at));
    assert!(LAYERED.plan(&after).cost(&used, None).is_some());
}

fn some_meters() -> impl Strategy<Value = Meters> {
    let quantity = prop_oneof![1_u64..100, 1_u64..400_000, Just(u64::MAX), Just(1 << 40)];
    proptest::collection::vec((0..Meter::COUNT, quantity), 0..6)
        .prop_map(|pairs| pairs.into_iter().map(|(meter, n)| (Meter::ALL[meter], n)).collect())
}

fn some_context() -> impl Strategy<Value = PriceContext<'static>> {
    let tier = proptest::option::of(prop_oneof![Just("flex"), Just("batch"), Just("priority")]);
    let geo = proptest::option::of(prop_oneof![Just("us"), Just("eu")]);
    let speed = proptest::option::of(Just("fast"));
    (tier, geo, speed, proptest::option::of(0_u64..10_000_000_000)).prop_map(
        |(service_tier, inference_geo, speed, duration_us)| PriceContext {
            service_tier,
            inference_geo,
            speed,
            duration_us,
            ..PriceContext::NONE
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_plan_gives_for_all_it_holds_for_what_the_book_gives(
        place in 0..4_000_usize, used in some_meters(), other in some_meters(), context in some_context(),
        from in 0_i64..40 * DAY_US, later in 0_i64..2 * DAY_US,
    ) {
        let start = instant("2026-10-20T00:00:00Z");
        let case = &CASES[place % CASES.len()];
        let (provider, model) = match OWN.get(place / 2 % 40) {
            Some(own) => ("openai", *own),
            None => (&*case.provider, &*case.model),
        };
        let at = UnixMicros::new(start.get() + from);
        let like = Query { provider, model, at, context: PriceContext { duration_us: None, ..context }, meters: &other };
        let plan = LAYERED.plan(&like);
        prop_assert!(plan.holds_at(at));
        for at in [at, UnixMicros::new(at.get() + later), UnixMicros::new(at.get() - later)] {
            let query = Query { provider, model, at, context, meters: &used };
            if plan.holds_at(at) {
                let got = plan.cost(&used, context.duration_us).map(|got| (got.cost, got.list));
                prop_assert_eq!(got, priced(&LAYERED, &query), "{} {} at {}", provider, model, at);
            }
        }
    }
}
