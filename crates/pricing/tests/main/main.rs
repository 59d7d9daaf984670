//! Tests of the price book from outside: against the recorded answers of the catalog's own package
//! (`goldens`), known amounts (`amounts`), the mispricings of others (`mispricings`), laws (`laws`),
//! layers, factors and contracts (`layers`), names (`resolution`), operators' files (`overlays`), faulty
//! ones (`faults`), recorded costs taken apart (`receipts`), imports of public catalogs (`import`) and the
//! lives of models (`life`); and what the hot path may cost: plans that give the same as the book (`plans`)
//! and memory it never asks for (`allocations`).

#![allow(clippy::unwrap_used, reason = "a test stops where its premise fails")]

mod allocations;
mod amounts;
mod faults;
mod goldens;
mod import;
mod laws;
mod layers;
mod life;
mod mispricings;
mod overlays;
mod plans;
mod receipts;
mod resolution;

use std::sync::LazyLock;

use events::{Meter, Meters};
use pricing::{PriceBook, PriceContext, Query};
use units::{UnixMicros, Usd};

/// The embedded catalog, parsed once for all tests.
static BOOK: LazyLock<PriceBook> = LazyLock::new(|| PriceBook::embedded().unwrap());

fn instant(text: &str) -> UnixMicros {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn meters(quantities: &[(Meter, u64)]) -> Meters {
    quantities.iter().copied().collect()
}

fn cost(book: &PriceBook, (provider, model): (&str, &str), at: &str, used: &Meters) -> Option<Usd> {
    let at = instant(at);
    let query = Query { provider, model, at, context: PriceContext::NONE, meters: used };
    book.price(&query).map(|priced| priced.cost)
}

fn usd(text: &str) -> Option<Usd> {
    Some(text.parse().unwrap())
}
