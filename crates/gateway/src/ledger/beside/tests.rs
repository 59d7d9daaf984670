//! Rows of further models: which usage becomes one, what it shares with its attempt, what it costs.

use std::sync::Arc;

use ::pricing::PriceBook;
use events::{Meter, Meters};
use units::{RequestId, UnixMicros, Usd};

use super::*;

const ANSWERING: &str = "claude-haiku-5-5";
const ADVISOR: &str = "claude-opus-5-5";

fn pricing() -> Pricing {
    let book = Arc::new(PriceBook::embedded().unwrap());
    Pricing::new(&book, "anthropic")
}

fn own() -> UsageEvent {
    let at = UnixMicros::new(1_793_800_000_000_000);
    let mut event =
        crate::ledger::draft(RequestId::from_u128(1), at, events::Attribution::default());
    event.ids.attempt = 1;
    event.attribution.team = Some("search".to_owned());
    event.decision.is_final = true;
    event.decision.reason = Some("first".to_owned());
    event.model.resolved = Some(ANSWERING.to_owned());
    (event.call.request_bytes, event.call.response_bytes) = (7, 8);
    event.cost.provider_reported = Some(Usd::from_pico(9));
    event.cost.usage_source = UsageSource::Provider;
    event
}

fn usage(input: u64, output: u64) -> Usage {
    let meters = Meters::NONE.with(Meter::InputText, input).with(Meter::OutputText, output);
    Usage { meters, ..Usage::default() }
}

fn facts(extras: &[(&str, Option<&str>, Usage)]) -> Facts {
    let extra = |(kind, model, usage): &(&str, Option<&str>, Usage)| ExtraUsage {
        kind: (*kind).to_owned(),
        model: model.map(str::to_owned),
        usage: usage.clone(),
    };
    Facts {
        model: Some(ANSWERING.to_owned()),
        extra: extras.iter().map(extra).collect(),
        ..Facts::default()
    }
}

fn cost(model: &str, usage: &Usage) -> Option<Usd> {
    pricing().cost(model, own().times.received_us, usage)
}

#[test]
fn a_further_model_is_a_row_of_its_own_at_its_own_price() {
    let told = facts(&[
        ("compaction", None, usage(1, 1)),
        ("message", Some(ANSWERING), usage(1, 1)),
        ("advisor_message", Some(ADVISOR), usage(1_000, 50)),
        ("advisor_message", Some(ADVISOR), usage(0, 0)),
    ]);
    let rows = rows(&own(), &told, &pricing(), 3);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.decision.caused(), Some("advisor_message"));
    assert_eq!(row.model.resolved.as_deref(), Some(ADVISOR));
    assert!(row.model.priced.is_some() && row.cost.rate_set.is_some());
    assert_eq!(row.cost.billed, cost(ADVISOR, &usage(1_000, 50)));
    assert_eq!((row.attempt(), row.decision.is_final), (own().attempt(), false));
    assert_eq!(row.attribution, own().attribution);
    assert_eq!((row.call.request_bytes, row.call.response_bytes), (0, 0));
    assert_eq!((row.cost.provider_reported, row.cost.usage_source), (None, UsageSource::Provider));
}

#[test]
fn usage_of_one_kind_on_one_model_is_one_row_and_costs_what_it_did_apart() {
    let advice = |input| ("advisor_message", Some(ADVISOR), usage(input, 50));
    let fast = Usage { speed: Some("fast".to_owned()), ..usage(10, 10) };
    let told = facts(&[advice(1_000), ("advisor_message", Some(ADVISOR), fast), advice(2_000)]);
    let rows = rows(&own(), &told, &pricing(), 3);
    let inputs: Vec<u64> = rows.iter().map(|row| row.meters.input_tokens()).collect();
    assert_eq!(inputs, [3_000, 10], "what is priced on other terms stays apart");
    assert_eq!(rows[0].cost.billed, cost(ADVISOR, &usage(3_000, 100)));
}

#[test]
fn usage_that_a_longer_prompt_would_price_otherwise_stays_apart() {
    // The model's long prompts have a tier of their own (200,000 tokens).
    let model = "claude-sonnet-4-5";
    let (short, long) = (usage(150_000, 10), usage(300_000, 20));
    assert_ne!(cost(model, &short).map(|cost| cost + cost), cost(model, &long), "the premise");
    let advice = ("advisor_message", Some(model), short.clone());
    let rows = rows(&own(), &facts(&[advice.clone(), advice]), &pricing(), 3);
    let costs: Vec<_> = rows.iter().map(|row| row.cost.billed).collect();
    assert_eq!(costs, [cost(model, &short); 2]);
}

#[test]
fn what_there_is_no_room_for_shares_a_last_row_without_a_price() {
    let told = facts(&[
        ("advisor_message", Some(ADVISOR), usage(1, 0)),
        ("image_gen", Some("gpt-image-1"), usage(2, 0)),
        ("svg", Some("claude-sonnet-5-5"), usage(3, 5)),
        ("svg", Some("claude-opus-5"), usage(4, 6)),
    ]);
    for (room, own_rows) in [(3, 2), (2, 1), (1, 0)] {
        let rows = rows(&own(), &told, &pricing(), room);
        assert_eq!(rows.len(), room);
        let last = rows.last().unwrap();
        assert_eq!(last.decision.caused(), Some("several"));
        assert_eq!((last.cost.billed, &last.model.priced), (None, &None));
        assert_eq!(last.cost.usage_source, UsageSource::Provider, "it was metered");
        assert!(
            last.model.answered.as_deref().unwrap().ends_with("claude-sonnet-5-5,claude-opus-5")
        );
        let input: u64 = rows.iter().map(|row| row.meters.input_tokens()).sum();
        let output: u64 = rows.iter().map(|row| row.meters.output_tokens()).sum();
        assert_eq!((input, output), (10, 11), "nothing is lost");
        let priced = rows.iter().filter(|row| row.decision.caused() != Some("several"));
        assert_eq!(priced.count(), own_rows);
    }
}

#[test]
fn a_further_model_nobody_has_a_price_for_is_a_row_of_unknown_cost() {
    let told = facts(&[("advisor_message", Some("no-such-model"), usage(5, 5))]);
    let rows = rows(&own(), &told, &pricing(), 3);
    assert_eq!((rows.len(), rows[0].cost.billed, &rows[0].model.priced), (1, None, &None));
}
