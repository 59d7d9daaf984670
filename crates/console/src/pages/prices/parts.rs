//! The pages of prices, as links beside each other.

/// A page of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The book, and what it lacks.
    Book,
    /// Traffic priced elsewhere.
    WhatIf,
    /// Models that end.
    Retiring,
    /// Reported against computed cost.
    Drift,
}

/// Title, address, and whether it is this page.
pub(super) type PartLink = (&'static str, &'static str, bool);

const PARTS: [(Part, &str, &str); 4] = [
    (Part::Book, "Price book", "/prices"),
    (Part::WhatIf, "What if", "/prices/what-if"),
    (Part::Retiring, "Models that end", "/prices/retiring"),
    (Part::Drift, "Invoice drift", "/prices/drift"),
];

/// The links as they are on one of the pages.
pub(super) fn links(here: Part) -> [PartLink; 4] {
    PARTS.map(|(part, title, address)| (title, address, part == here))
}
