//! Tests of the price book from outside: against the recorded answers of the catalog's own package
//! (`goldens`), known amounts (`amounts`), laws (`laws`), operators' files (`overlays`) and recorded
//! costs taken apart (`receipts`).

#![allow(clippy::unwrap_used, reason = "a test stops where its premise fails")]

mod amounts;
mod goldens;
mod laws;
mod overlays;
mod receipts;

use std::sync::LazyLock;

use events::{Meter, Meters};
use pricing::{PriceBook, Query};
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
    let query = Query { provider, model, at, service_tier: None, meters: used };
    book.price(&query).map(|priced| priced.cost)
}

fn usd(text: &str) -> Option<Usd> {
    Some(text.parse().unwrap())
}
