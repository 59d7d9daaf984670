//! The prices in force, and those that were, as the console takes the cost of a request apart.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use console::prices::RouteTarget;
use pricing::{Layer, PriceBook, PriceBookError};
use store::{PriceLayer, Prices as StoredPrices};

use super::publisher::Published;
use crate::prices;

/// Most books of the past held at a time, some megabytes each; the one not asked for longest goes.
const PAST_BOOKS_MAX: usize = 4;

/// The price book of the newest snapshot, read once a change, and those that older rows name.
pub(super) struct PriceBoard {
    published: Published,
    kept: Arc<dyn StoredPrices>,
    past: PastBooks,
    last: Mutex<(Vec<Layer>, Arc<PriceBook>)>,
}

impl fmt::Debug for PriceBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PriceBoard")
    }
}

impl PriceBoard {
    /// The prices of what is published.
    pub(super) fn new(
        published: Published,
        kept: Arc<dyn StoredPrices>,
    ) -> Result<Self, PriceBookError> {
        let layers = published.borrow().layers().into_owned();
        let book = Arc::new(prices::compose(&layers)?);
        let past = PastBooks::default();
        Ok(Self { published, kept, past, last: Mutex::new((layers, book)) })
    }
}

#[async_trait]
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

    fn targets(&self) -> Vec<RouteTarget> {
        let document = Arc::clone(&self.published.borrow());
        let of_routes = document.routes.iter().flat_map(|route| {
            route.targets.iter().map(|target| RouteTarget {
                route: route.name.clone(),
                provider: target.provider.clone(),
                model: target.model.clone(),
            })
        });
        of_routes.collect()
    }

    async fn book_of(&self, version: &str) -> Option<Arc<PriceBook>> {
        if let Some(book) = self.past.get(version) {
            return Some(book);
        }
        let layers = match self.kept.at(version).await {
            Ok(layers) => layers?,
            Err(error) => {
                tracing::warn!(version, %error, "price book of an older row not read");
                return None;
            }
        };
        // A book is half a megabyte of text to parse: not on a thread that answers requests.
        let composed = tokio::task::spawn_blocking(move || compose(layers)).await.ok()?;
        match composed {
            Ok(book) => Some(self.past.keep(version, Arc::new(book))),
            Err(error) => {
                tracing::warn!(version, %error, "price book of an older row not composed");
                None
            }
        }
    }
}

/// A recorded book: the catalog it was made with is one of its layers.
fn compose(layers: Vec<PriceLayer>) -> Result<PriceBook, PriceBookError> {
    let layers: Vec<Layer> = layers.iter().map(prices::from_stored).collect();
    PriceBook::compose(&layers)
}

/// Books by version, the one asked for last at the end.
#[derive(Default)]
struct PastBooks(Mutex<Vec<(String, Arc<PriceBook>)>>);

impl PastBooks {
    fn get(&self, version: &str) -> Option<Arc<PriceBook>> {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = books.iter().position(|(known, _)| known == version)?;
        let found = books.remove(at);
        let book = Arc::clone(&found.1);
        books.push(found);
        Some(book)
    }

    /// Keeps a book, unless someone else read it meanwhile.
    fn keep(&self, version: &str, book: Arc<PriceBook>) -> Arc<PriceBook> {
        if let Some(known) = self.get(version) {
            return known;
        }
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if books.len() >= PAST_BOOKS_MAX {
            books.remove(0);
        }
        books.push((version.to_owned(), Arc::clone(&book)));
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_books_of_the_past_those_asked_for_last_are_held() {
        let (past, book) = (PastBooks::default(), Arc::new(prices::compose(&[]).unwrap()));
        for version in ["pb_1", "pb_2", "pb_3", "pb_4"] {
            past.keep(version, Arc::clone(&book));
        }
        assert!(past.get("pb_1").is_some());
        past.keep("pb_5", Arc::clone(&book));
        past.keep("pb_5", book);
        let held = ["pb_1", "pb_2", "pb_3", "pb_4", "pb_5"].map(|v| past.get(v).is_some());
        assert_eq!(held, [true, false, true, true, true]);
    }
}
