//! Laws of what-if: exact where tokens are counted alike, additive, and the expected within its band.

use events::{Meter, Meters};
use lake::{CallTerms, WhatIfGroup};
use proptest::prelude::*;
use units::Usd;

use super::*;

/// Rates in 1e-18 USD; prompts of 200,000 tokens and more at twice the price.
fn linear(bill: &Bill) -> i128 {
    let factor = if bill.shape.input_tokens() >= 200_000 { 2 } else { 1 };
    let rate = |meter: Meter| match meter {
        Meter::InputText => 3_000_000_000_001,
        Meter::CacheReadText => 300_000_000_007,
        Meter::CacheWrite5m => 3_750_000_000_000,
        Meter::OutputText | Meter::Reasoning => 15_000_000_000_003,
        _ => 0,
    };
    bill.total.iter().map(|(meter, n)| rate(meter) * factor * i128::from(n)).sum()
}

fn group(model: &str, requests: u64, (input, cached, output): (u64, u64, u64)) -> WhatIfGroup {
    WhatIfGroup {
        provider: Some("p".to_owned()),
        model: Some(model.to_owned()),
        terms: CallTerms::default(),
        size: 0,
        requests,
        input_tokens: ((input + cached) / requests.max(1), (input + cached) / requests.max(1) + 1),
        meters: Meters::NONE
            .with(Meter::InputText, input)
            .with(Meter::CacheReadText, cached)
            .with(Meter::OutputText, output),
        duration_us: 1,
        cost: Usd::from_pico(i128::from(output)),
        unpriced: 0,
    }
}

fn alternative(model: Option<&str>, caching: Caching) -> Alternative {
    Alternative { model: model.map(str::to_owned), caching, tiers: vec![200_000] }
}

fn run(groups: &[WhatIfGroup], alternative: &Alternative) -> WhatIf {
    let tokenizers = Tokenizers::embedded().unwrap();
    what_if(groups, alternative, &tokenizers, |_, bill| Some(linear(bill)))
}

#[test]
fn a_tier_is_chosen_by_the_size_of_a_prompt_and_not_by_their_sum() {
    let many = group("gpt-5", 1_000, (150_000_000, 0, 0));
    let cost = run(&[many], &alternative(None, Caching::AsRecorded)).total.would_cost;
    assert_eq!(cost.expected, Usd::from_pico(150_000_000 * 3_000_000 + 150));
    let large = group("gpt-5", 1_000, (250_000_000, 0, 0));
    let cost = run(&[large], &alternative(None, Caching::AsRecorded)).total.would_cost;
    assert_eq!(cost.expected, Usd::from_pico(2 * (250_000_000 * 3_000_000 + 250)));
}

#[test]
fn what_may_cross_a_tier_is_told() {
    let near = [group("gpt-5", 10, (1_500_000, 0, 0))];
    assert!(!run(&near, &alternative(Some("gpt-4o"), Caching::AsRecorded)).total.may_cross_tier);
    let claude = run(&near, &alternative(Some("claude-opus-4-8"), Caching::AsRecorded)).total;
    assert!(claude.may_cross_tier && !claude.is_exact);
}

#[test]
fn traffic_an_alternative_has_no_price_for_is_counted_and_not_free() {
    let groups = [group("gpt-5", 3, (30, 0, 3)), group("o3", 4, (40, 0, 4))];
    let tokenizers = Tokenizers::embedded().unwrap();
    let done =
        what_if(&groups, &alternative(None, Caching::AsRecorded), &tokenizers, |group, bill| {
            (group.model.as_deref() == Some("o3")).then(|| linear(bill))
        });
    assert_eq!((done.total.requests, done.total.unknown, done.lines.len()), (7, 3, 2));
    assert_eq!(done.lines[0].would_cost, Estimate::default());
    assert!(done.lines[1].would_cost.expected > Usd::ZERO);
    assert_eq!(done.total.billed, Usd::from_pico(7));
}

#[test]
fn corrections_without_traffic_change_what_was_billed_and_nothing_else() {
    let mut corrections = group("gpt-5", 0, (0, 0, 0));
    corrections.cost = Usd::from_pico(-2);
    corrections.unpriced = -1;
    let mut calls = group("gpt-5", 5, (50, 0, 5));
    calls.unpriced = 3;
    let total = run(&[corrections, calls], &alternative(None, Caching::AsRecorded)).total;
    assert_eq!((total.billed, total.unpriced, total.requests), (Usd::from_pico(3), 2, 5));
}

proptest! {
    #[test]
    fn on_the_same_vocabulary_every_figure_is_the_sum_of_its_parts(
        used in prop::collection::vec((1_u64..50, 0_u64..10_000_000, 0_u64..1_000_000, 0_u64..1_000_000), 1..8),
    ) {
        let groups: Vec<WhatIfGroup> =
            used.iter().map(|(n, i, c, o)| group("gpt-5", *n, (*i, *c, *o))).collect();
        let done = run(&groups, &alternative(Some("gpt-4o"), Caching::AsRecorded));
        let parts: i128 = groups
            .iter()
            .map(|group| linear(&Bill::of(group, Ratio::ONE, Caching::AsRecorded)))
            .sum();
        prop_assert!(done.total.is_exact);
        prop_assert_eq!(done.total.would_cost.low, done.total.would_cost.high);
        prop_assert_eq!(done.total.would_cost.expected, rounded(parts));
    }

    #[test]
    fn the_expected_lies_within_its_band(
        n in 1_u64..50, input in 0_u64..20_000_000, output in 0_u64..1_000_000,
        to in prop::sample::select(vec!["claude-opus-4-8", "gemini-3-pro", "kimi-k3", "gpt-4"]),
    ) {
        let total = run(&[group("gpt-5", n, (input, 0, output))], &alternative(Some(to), Caching::AsRecorded)).total;
        prop_assert!(total.would_cost.low <= total.would_cost.expected);
        prop_assert!(total.would_cost.expected <= total.would_cost.high);
        prop_assert!(!total.is_exact);
    }

    #[test]
    fn caching_moves_text_input_and_loses_none(
        input in 0_u64..1_000_000_000, cached in 0_u64..1_000_000_000,
        read in 0_u16..1_200, written in 0_u16..1_200,
    ) {
        let group = group("gpt-5", 7, (input, cached, 10));
        let share = Caching::Share { read_per_mille: read, written_per_mille: written };
        for caching in [Caching::Nothing, share] {
            let total = Bill::of(&group, Ratio::ONE, caching).total;
            prop_assert_eq!(total.input_tokens(), input + cached);
            prop_assert_eq!(total.get(Meter::OutputText), 10);
        }
        let none = Caching::Share { read_per_mille: 0, written_per_mille: 0 };
        prop_assert_eq!(
            Bill::of(&group, Ratio::ONE, none),
            Bill::of(&group, Ratio::ONE, Caching::Nothing)
        );
    }

    #[test]
    fn the_shape_of_a_bill_is_a_request_of_its_group(
        n in 1_u64..500, input in 1_u64..100_000_000, cached in 0_u64..100_000_000,
    ) {
        let group = group("gpt-5", n, (input, cached, 1));
        let bill = Bill::of(&group, Ratio::ONE, Caching::AsRecorded);
        let size = bill.shape.input_tokens();
        let (least, most) = group.input_tokens;
        prop_assert!(least <= size && size <= most.max(2), "{size} not in {least}..={most}");
    }
}
