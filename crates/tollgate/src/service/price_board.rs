//! The prices in force, as the console takes the cost of a request apart.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pricing::{Layer, PriceBook, PriceBookError};

use super::publisher::Published;
use crate::prices;

/// The price book of the newest snapshot, read once a change.
pub(super) struct PriceBoard {
    published: Published,
    last: Mutex<(Vec<Layer>, Arc<PriceBook>)>,
}

impl fmt::Debug for PriceBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PriceBoard")
    }
}

impl PriceBoard {
    /// The prices of what is published.
    pub(super) fn new(published: Published) -> Result<Self, PriceBookError> {
        let layers = published.borrow().layers().into_owned();
        let book = Arc::new(prices::compose(&layers)?);
        Ok(Self { published, last: Mutex::new((layers, book)) })
    }
}

impl console::adapters::Prices for PriceBoard {
    fn book(&self) -> Arc<PriceBook> {
        let document = Arc::clone(&self.published.borrow());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let layers = document.layers();
        if last.0 != *layers {
            // The publisher has checked them: an error here keeps the book that was there.
            if let Ok(book) = prices::compose(&layers) {
                *last = (layers.into_owned(), Arc::new(book));
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
