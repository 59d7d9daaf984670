//! The recorded answers of `genai-prices` 0.2.3, made by `data/goldens.py`, to the last digit.

use std::collections::{BTreeMap, HashMap};

use events::Meters;
use pricing::Query;
use serde::Deserialize;
use units::{UnixMicros, Usd};

use crate::BOOK;

const RECORDED: &str = include_str!("../../data/goldens.jsonl");

#[derive(Debug, Deserialize)]
struct Case {
    provider: String,
    model: String,
    at: UnixMicros,
    context: BTreeMap<String, String>,
    meters: Meters,
    model_id: Option<String>,
    usd: Option<Usd>,
}

fn cases() -> impl Iterator<Item = Case> {
    RECORDED.lines().map(|line| serde_json::from_str(line).unwrap())
}

impl Case {
    fn query(&self) -> Query<'_> {
        Query {
            provider: &self.provider,
            model: &self.model,
            at: self.at,
            service_tier: self.context.get("service_tier").map(String::as_str),
            meters: &self.meters,
        }
    }

    fn others(&self) -> Vec<(&str, &str)> {
        self.context.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

#[test]
fn every_recorded_case_costs_what_the_source_of_the_catalog_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let priced = BOOK.price_with(&case.query(), &case.others());
        let model = priced.as_ref().map(|priced| priced.model_id);
        let expected_model = case.model_id.as_deref().filter(|_| case.usd.is_some());
        if priced.map(|priced| priced.cost) != case.usd || model != expected_model {
            wrong.push(format!("{case:?}: got {:?} of {model:?}", priced.map(|p| p.cost)));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases().count() >= 500);
}

#[test]
fn a_rate_set_names_exactly_one_set_of_rates() {
    let mut names = HashMap::new();
    let mut sets = HashMap::new();
    for case in cases() {
        let Some(priced) = BOOK.price_with(&case.query(), &case.others()) else { continue };
        let mut rates: Vec<String> =
            priced.rates().map(|(key, rate)| format!("{key} {rate}")).collect();
        rates.sort_unstable();
        let name = priced.rate_set.to_string();
        assert_eq!(name.len(), 16);
        assert_eq!(*sets.entry(name.clone()).or_insert(rates.clone()), rates);
        assert_eq!(*names.entry(rates).or_insert(name.clone()), name);
    }
    assert!(names.len() > 100, "{} sets", names.len());
}
