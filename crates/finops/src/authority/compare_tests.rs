use lake::HolderSpend;
use units::BudgetId;

use super::*;

const START: UnixMicros = UnixMicros::new(1_795_350_896_000_000);

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn at(seconds: i64) -> UnixMicros {
    START.plus_micros(seconds * 1_000_000)
}

fn lease(epoch: &str, settled: &str) -> Lease {
    Lease {
        node: "n".into(),
        epoch: epoch.into(),
        term: 3,
        granted: usd("9"),
        settled: usd(settled),
        before: Usd::ZERO,
        reserved: Usd::ZERO,
        overshoot: Usd::ZERO,
        next_seq: 10,
        expires_at: at(1_000),
        reported_at: at(0),
        state: LeaseState::Open,
    }
}

fn books(base: &str, leases: &[Lease]) -> WindowBooks {
    WindowBooks {
        base: Some(usd(base)),
        leases: leases.to_vec(),
        ..WindowBooks::new(BudgetId::from_u128(1), START)
    }
}

/// A look at the lake: sums by epoch, everything committed up to a sequence.
fn look(books: &WindowBooks, seconds: i64, sums: &[(&str, &str)], seq: i64) -> Observation {
    let spend = |(epoch, cost): &(&str, &str)| HolderSpend {
        node: "n".into(),
        epoch: (*epoch).into(),
        cost: usd(cost),
        max_seq: 0,
    };
    Observation {
        at: at(seconds),
        sums: Sums::of(sums.iter().map(spend).collect()),
        still: books.leases.iter().filter_map(|lease| Still::of(lease, Some(seq))).collect(),
    }
}

/// What is corrected when the first look found `first`, the second `second`, and the process had
/// settled `settled` by the end.
fn found(first: &str, second: &str, settled: &str, seq: i64) -> Option<Usd> {
    let start = books("1", &[lease("e1", "2")]);
    let mut end = books("1", &[lease("e1", settled)]);
    let earlier = look(&start, 0, &[("e0", "1"), ("e1", first)], seq);
    let later = look(&end, 20, &[("e0", "1"), ("e1", second)], seq);
    let differences = compare(&mut end, &earlier, &later, at(20));
    assert!(differences.len() <= 1);
    // Once corrected, nothing differs any more.
    assert_eq!(compare(&mut end, &earlier, &later, at(20)), []);
    differences.first().map(|difference| difference.found - difference.expected)
}

#[test]
fn a_process_that_spends_is_only_wrong_where_the_older_look_shows_more_than_it_says_now() {
    for (first, second, settled, seq, expected) in [
        // Commits behind, level, and ahead of a report that then catches up.
        ("1.5", "2.5", "3", 4, None),
        ("2", "3", "3", 4, None),
        ("2.7", "3.5", "3", 4, None),
        // The lake had more than was reported a whole lease's time later.
        ("3.2", "3.5", "3", 4, Some("0.2")),
        // Still, but not wholly committed: what is missing may be on its way.
        ("1.5", "1.5", "2", 8, None),
        // Still and committed, and short.
        ("1.5", "1.5", "2", 9, Some("-0.5")),
        // Short at first only: it was read too early.
        ("1.5", "2", "2", 9, None),
    ] {
        let found = found(first, second, settled, seq);
        assert_eq!(found, expected.map(usd), "{first} {second} {settled} {seq}");
    }
}

#[test]
fn spending_without_a_lease_is_added_once_seen_twice() {
    let mut books = books("1", &[]);
    let at_first = look(&books, 0, &[("e0", "1.25")], 0);
    let at_last = look(&books, 20, &[("e0", "1.5")], 0);
    let differences = compare(&mut books, &at_first, &at_last, at(20));
    assert_eq!(differences.len(), 1);
    assert_eq!((books.corrections, books.spent()), (usd("0.25"), usd("1.25")));
}

#[test]
fn a_holder_whose_earlier_spending_is_in_the_base_is_not_counted_twice() {
    let mut books = books("1", &[Lease { before: usd("1"), ..lease("e1", "2") }]);
    let sums = [("e1", "3")];
    let (earlier, later) = (look(&books, 0, &sums, 9), look(&books, 20, &sums, 9));
    assert_eq!(compare(&mut books, &earlier, &later, at(20)), []);
}

#[test]
fn a_lease_that_ended_in_order_is_closed_and_one_that_may_come_back_is_not() {
    let ended = Lease { granted: usd("2"), expires_at: at(-1), ..lease("e1", "2") };
    for (lease, seq, closed) in [
        (ended.clone(), 9, true),
        (ended.clone(), 8, false),
        (Lease { granted: usd("2.1"), ..ended.clone() }, 9, false),
        (Lease { expires_at: at(19), ..ended.clone() }, 9, false),
        (Lease { reserved: usd("0.1"), ..ended.clone() }, 9, false),
    ] {
        let mut books = books("0", &[lease]);
        let sums = [("e1", "2")];
        let (earlier, later) = (look(&books, 0, &sums, seq), look(&books, 20, &sums, seq));
        assert_eq!(compare(&mut books, &earlier, &later, at(20)), []);
        assert_eq!(books.leases[0].state == LeaseState::Closed, closed, "{:?}", books.leases[0]);
    }
}
