//! Costs taken apart: by the price book a row names, though another has been in force since.

use std::sync::Arc;

use async_trait::async_trait;
use console::adapters::{LakeRequests, Prices};
use console::prices::RouteTarget;
use console::requests::RequestLog;
use lake::{Lake, LakeOptions, LakeRow};
use pricing::{NoReceipt, PriceBook, Query};
use units::Clock;

use crate::adapters::row;
use crate::sample::NOW;
use crate::sources::StoppedClock;

/// A book in force, and one of the past where it is kept.
#[derive(Debug, Clone)]
struct Books {
    now: Arc<PriceBook>,
    past: Option<Arc<PriceBook>>,
}

#[async_trait]
impl Prices for Books {
    fn book(&self) -> Arc<PriceBook> {
        Arc::clone(&self.now)
    }

    fn billed_as(&self, _: &str) -> Option<String> {
        None
    }

    fn targets(&self) -> Vec<RouteTarget> {
        Vec::new()
    }

    async fn book_of(&self, version: &str) -> Option<Arc<PriceBook>> {
        self.past.clone().filter(|book| book.version() == version)
    }
}

/// A row as the gateway would have recorded it by a book.
fn recorded_by(book: &PriceBook) -> LakeRow {
    let mut recorded = row(0, "globex", Some("1"));
    recorded.event.model.provider = Some("openai".to_owned());
    recorded.event.model.resolved = Some("gpt-5.4".to_owned());
    let priced = book.price(&Query::of(&recorded.event, None)).unwrap();
    let (cost, rate_set) = (priced.cost, priced.rate_set.to_string());
    let told = &mut recorded.event.cost;
    (told.list, told.contract, told.billed) = (Some(cost), Some(cost), Some(cost));
    (told.rate_set, told.price_version) = (Some(rate_set), Some(book.version().to_owned()));
    recorded
}

#[tokio::test]
async fn a_cost_is_taken_apart_by_the_book_its_row_names() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock(NOW));
    let lake = Lake::open(LakeOptions::new(dir.path()), clock).await.unwrap();
    let past = Arc::new(PriceBook::embedded().unwrap());
    let dearer = r#"{"providers":[{"id":"openai","models":[
        {"id":"gpt-5.4","prices":[{"rates":{"input":"99","output":"99"}}]}]}]}"#;
    let now = Arc::new(PriceBook::clone(&past).with_overlay(dearer, "prices.json").unwrap());
    let recorded = recorded_by(&past);
    lake.commit("n/e", std::slice::from_ref(&recorded), 1).await.unwrap();
    let id = recorded.event.ids.request_id.to_string();
    let receipt = async |kept: Option<Arc<PriceBook>>| {
        let books = Books { now: Arc::clone(&now), past: kept };
        let requests = LakeRequests::new(lake.clone(), Arc::new(books));
        requests.attempts(&id, None).await.unwrap().remove(0).receipt
    };
    let found = receipt(Some(Arc::clone(&past))).await.unwrap();
    assert_eq!(Some(found.cost), recorded.event.cost.billed);
    assert!(!found.is_other_book && found.lines.len() == 2, "{found:?}");
    let lost = receipt(None).await.unwrap_err();
    assert!(matches!(lost, NoReceipt::OtherRates { .. }), "{lost:?}");
}
