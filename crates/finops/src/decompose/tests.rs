//! The three effects are exact, and mean what they say.

use super::*;
use proptest::prelude::*;

fn line(name: &str, before: (&str, u64), after: (&str, u64)) -> LineChange {
    let used = |(cost, tokens): (&str, u64)| Use { cost: cost.parse().unwrap(), tokens };
    LineChange { name: name.to_owned(), before: used(before), after: used(after) }
}

#[test]
fn each_effect_alone_is_found_alone() {
    let cases: [(&str, Vec<LineChange>, [&str; 3]); 7] = [
        ("the same again", vec![line("a", ("5", 10), ("5", 10))], ["0", "0", "0"]),
        ("twice as much", vec![line("a", ("5", 10), ("10", 20))], ["0", "5", "0"]),
        ("a dearer price", vec![line("a", ("5", 10), ("8", 10))], ["3", "0", "0"]),
        (
            "from the cheap to the dear",
            vec![line("cheap", ("1", 10), ("0", 0)), line("dear", ("9", 10), ("18", 20))],
            ["0", "0", "8"],
        ),
        (
            "a new line at its own price",
            vec![line("old", ("10", 10), ("10", 10)), line("new", ("0", 0), ("30", 10))],
            ["0", "10", "20"],
        ),
        ("from nothing", vec![line("a", ("0", 0), ("7", 3))], ["0", "7", "0"]),
        ("to nothing", vec![line("a", ("7", 3), ("0", 0))], ["0", "-7", "0"]),
    ];
    for (name, lines, [price, volume, mix]) in cases {
        let found = Decomposition::of(&lines);
        let expected = [price, volume, mix].map(|text| text.parse::<Usd>().unwrap());
        assert_eq!([found.price, found.volume, found.mix], expected, "{name}");
    }
    assert_eq!(Decomposition::of(&[]), Decomposition::default());
}

#[test]
fn the_worked_example_of_the_runaway_adds_up() {
    let lines = [
        line("claude-opus-5-5", ("4.10", 900_000), ("41.73", 9_800_000)),
        line("claude-sonnet-5-5", ("2.07", 1_300_000), ("2.11", 1_310_000)),
        line("gpt-5.4", ("1.55", 700_000), ("1.49", 690_000)),
    ];
    let found = Decomposition::of(&lines);
    assert_eq!(found.price + found.volume + found.mix, found.delta());
    assert_eq!(found.delta(), "37.61".parse().unwrap());
    assert!(found.volume > found.mix && found.mix > Usd::ZERO, "{found:?}");
}

#[test]
fn a_hypothetical_cost_beyond_every_amount_makes_it_all_volume() {
    let used = |pico, tokens| Use { cost: Usd::from_pico(pico), tokens };
    let name = String::new;
    let lines = [
        LineChange { name: name(), before: used(1 << 66, 0), after: used(0, u64::MAX) },
        LineChange { name: name(), before: used(0, 1), after: used(1 << 67, 0) },
    ];
    let found = Decomposition::of(&lines);
    assert_eq!([found.price, found.volume, found.mix].map(Usd::pico), [0, 1 << 66, 0]);
}

fn uses() -> impl Strategy<Value = (i128, u64)> {
    let cost = prop_oneof![Just(0), -(1_i128 << 40)..(1_i128 << 70), 0..1_000_i128];
    let tokens = prop_oneof![Just(0), 1_u64..10, Just(u64::MAX), 1..(1_u64 << 50)];
    (cost, tokens)
}

proptest! {
    #[test]
    fn price_and_volume_and_mix_sum_to_the_delta_to_the_last_picodollar(
        lines in prop::collection::vec((uses(), uses()), 0..12),
    ) {
        let used = |(cost, tokens)| Use { cost: Usd::from_pico(cost), tokens };
        let lines: Vec<LineChange> = lines
            .into_iter()
            .map(|(b, a)| LineChange { name: String::new(), before: used(b), after: used(a) })
            .collect();
        let after: Usd = lines.iter().map(|line| line.after.cost).sum();
        let before: Usd = lines.iter().map(|line| line.before.cost).sum();
        let found = Decomposition::of(&lines);
        prop_assert_eq!(found.price + found.volume + found.mix, after - before);
        prop_assert_eq!(found.delta(), after - before);
    }

    #[test]
    fn the_order_of_the_lines_does_not_matter(
        lines in prop::collection::vec((uses(), uses()), 1..12),
    ) {
        let used = |(cost, tokens)| Use { cost: Usd::from_pico(cost), tokens };
        let mut lines: Vec<LineChange> = lines
            .into_iter()
            .map(|(b, a)| LineChange { name: String::new(), before: used(b), after: used(a) })
            .collect();
        let found = Decomposition::of(&lines);
        lines.reverse();
        prop_assert_eq!(Decomposition::of(&lines), found);
    }

    #[test]
    fn a_scaled_amount_is_off_by_at_most_half_a_picodollar(
        pico in -(1_i128 << 60)..(1_i128 << 60), times in 0_u64..(1 << 32), of in 1_u64..(1 << 32),
    ) {
        let found = scaled(Usd::from_pico(pico), times, of).unwrap().pico();
        let error = found * i128::from(of) - pico * i128::from(times);
        prop_assert!(error.abs() * 2 <= i128::from(of));
    }
}
