//! Pricing a request asks the allocator for nothing: counted on the thread that prices.

use std::hint::black_box;

use pricing::{PriceBook, Query};

use crate::BOOK;
use crate::goldens::{Case, recorded};
use crate::plans::layered;

/// How often a thread asks the allocator for memory while it prices.
fn asked(book: &PriceBook, query: &Query<'_>) -> u64 {
    let price = || {
        black_box(book.price(black_box(query)).map(|priced| (priced.cost, priced.rate_set)));
    };
    allocation_counter::measure(price).count_total
}

#[test]
fn pricing_allocates_nothing_for_any_recorded_case() {
    let cases: Vec<Case> = recorded().collect();
    for book in [&*BOOK, &layered()] {
        // A thread's first use of a regular expression makes its scratch space; none after that.
        for case in &cases {
            asked(book, &case.query());
        }
        let greedy: Vec<&Case> =
            cases.iter().filter(|case| asked(book, &case.query()) > 0).collect();
        assert!(greedy.is_empty(), "{} of {}: {greedy:?}", greedy.len(), cases.len());
    }
}

#[test]
fn a_plan_allocates_nothing_once_it_is_made() {
    for case in recorded().take(500) {
        let query = case.query();
        let plan = BOOK.plan(&query);
        let cost = || {
            black_box(plan.cost(black_box(query.meters), Some(7)));
        };
        assert_eq!(allocation_counter::measure(cost).count_total, 0, "{case:?}");
    }
}

#[test]
fn the_count_sees_an_allocation() {
    let counted = allocation_counter::measure(|| drop(black_box(vec![1_u8; 9])));
    assert_eq!(counted.count_total, 1);
}
