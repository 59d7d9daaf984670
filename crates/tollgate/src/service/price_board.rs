//! The prices in force, as the console takes the cost of a request apart.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pricing::PriceBook;

use super::publisher::Published;

/// The price book of the newest snapshot, read once a change.
pub(super) struct PriceBoard {
    catalog: PriceBook,
    published: Published,
    last: Mutex<(Option<String>, Arc<PriceBook>)>,
}

impl fmt::Debug for PriceBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PriceBoard")
    }
}

impl PriceBoard {
    /// The catalog under what is published.
    pub(super) fn new(catalog: PriceBook, published: Published) -> Self {
        let last = Mutex::new((None, Arc::new(catalog.clone())));
        Self { catalog, published, last }
    }
}

impl console::adapters::Prices for PriceBoard {
    fn book(&self) -> Arc<PriceBook> {
        let document = Arc::clone(&self.published.borrow());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 != document.prices {
            // The publisher has checked it: an error here keeps the book that was there.
            let book = match &document.prices {
                Some(json) => self.catalog.clone().with_overlay(json, "pricing.file").ok(),
                None => Some(self.catalog.clone()),
            };
            if let Some(book) = book {
                *last = (document.prices.clone(), Arc::new(book));
            }
        }
        Arc::clone(&last.1)
    }

    fn billed_as(&self, provider: &str) -> Option<String> {
        let document = Arc::clone(&self.published.borrow());
        let entry = document.providers.iter().find(|entry| entry.name == provider)?;
        (entry.prices != entry.name).then(|| entry.prices.clone())
    }
}
