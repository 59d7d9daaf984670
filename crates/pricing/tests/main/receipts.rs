//! A recorded cost taken apart: lines that add up, or the reason why there are none.

use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, EventIds, Meter, Meters, ModelNames,
    Outcome, Privacy, Times, UsageEvent, UsageSource,
};
use pricing::{NoReceipt, PriceBook, PriceContext, Query};
use units::RequestId;

use crate::{BOOK, instant, meters};

/// A row as the gateway records it: priced by `book`.
fn row(book: &PriceBook, (provider, model): (&str, &str), used: Meters) -> UsageEvent {
    let received_us = instant("2026-11-20T12:00:00Z");
    let query =
        Query { provider, model, at: received_us, context: PriceContext::NONE, meters: &used };
    let priced = book.price(&query);
    let cost = priced.as_ref().map(|priced| priced.cost);
    UsageEvent {
        ids: EventIds {
            request_id: RequestId::from_u128(1),
            attempt: 1,
            revision: 0,
            trace_id: None,
            session_id: None,
            parent_id: None,
        },
        times: Times { received_us, first_byte_us: None, ended_us: received_us },
        attribution: Attribution::default(),
        decision: Decision::default(),
        model: ModelNames {
            provider: Some(provider.to_owned()),
            resolved: Some(model.to_owned()),
            ..ModelNames::default()
        },
        call: Call {
            endpoint: "chat".to_owned(),
            dialect_in: None,
            dialect_out: None,
            is_stream: false,
            request_bytes: 0,
            response_bytes: 0,
        },
        outcome: Outcome::default(),
        meters: used,
        cost: Cost {
            list: cost,
            contract: cost,
            billed: cost,
            price_version: Some(book.version().to_owned()),
            rate_set: priced.as_ref().map(|priced| priced.rate_set.to_string()),
            usage_source: UsageSource::Provider,
            ..Cost::default()
        },
        cache: Cache { state: CacheState::Off, saved: None },
        privacy: Privacy::default(),
        source: "tollgate".to_owned(),
    }
}

const MODEL: (&str, &str) = ("openai", "gpt-5");

fn usual() -> Meters {
    meters(&[(Meter::InputText, 1_203), (Meter::CacheReadText, 4_096), (Meter::OutputText, 77)])
}

#[test]
fn the_lines_of_a_receipt_and_its_rounding_add_up_to_the_recorded_cost() {
    let receipt = BOOK.receipt(&row(&BOOK, MODEL, usual()), None).unwrap();
    assert_eq!(receipt.lines.len(), 3);
    let sum: i128 = receipt.lines.iter().map(|line| line.amount_atto).sum();
    assert_eq!(sum, receipt.sum_atto);
    assert_eq!(sum + receipt.rounding_atto, receipt.cost.pico() * 1_000_000);
    assert!(!receipt.is_other_book && receipt.unpriced.is_empty());
}

#[test]
fn a_book_that_changed_elsewhere_still_knows_the_lines() {
    let other = r#"{"providers":[{"id":"elsewhere","models":[
        {"id":"m","prices":[{"rates":{"input":"1"}}]}]}]}"#;
    let event = row(&BOOK, MODEL, usual());
    let changed = BOOK.clone().with_overlay(other, "other.json").unwrap();
    assert_ne!(changed.version(), BOOK.version());
    let receipt = changed.receipt(&event, None).unwrap();
    assert!(receipt.is_other_book);
    assert_eq!(Some(receipt.cost), event.cost.billed);
}

#[test]
fn lines_that_would_be_wrong_are_never_shown() {
    let event = row(&BOOK, MODEL, usual());
    let mut at_other_rates = event.clone();
    at_other_rates.cost.rate_set = Some("0123456789abcdef".to_owned());
    let mut corrected = event.clone();
    corrected.cost.list = Some("0.5".parse().unwrap());
    let mut unpriced = event.clone();
    unpriced.cost.list = None;
    let idle = row(&BOOK, MODEL, Meters::NONE);
    let gone = row(&BOOK, MODEL, usual());
    let book = BOOK.version().to_owned();
    for (event, prices, expected) in [
        (&unpriced, None, NoReceipt::Unpriced),
        (&idle, None, NoReceipt::NothingUsed),
        (&corrected, None, NoReceipt::OtherAmount { in_force: book.clone() }),
        (
            &at_other_rates,
            None,
            NoReceipt::OtherRates { recorded: book.clone(), in_force: book.clone() },
        ),
        (
            &gone,
            Some("nobody"),
            NoReceipt::OtherRates { recorded: book.clone(), in_force: book.clone() },
        ),
    ] {
        assert_eq!(BOOK.receipt(event, prices), Err(expected));
    }
}
