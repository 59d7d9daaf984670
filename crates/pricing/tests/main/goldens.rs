//! The answers of `genai-prices` 0.2.3, made by `data/goldens.py`, to the last digit: those recorded
//! in `data/goldens.jsonl`, and 24,000 more asked of the package itself where it is installed.
//! `data/DIFFERENCES.md` says where we answer otherwise on purpose.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use events::Meters;
use pricing::{PriceContext, Query};
use serde::Deserialize;
use units::{UnixMicros, Usd};

use crate::BOOK;

const RECORDED: &str = include_str!("../../data/goldens.jsonl");
/// Cases asked of the package itself.
const LIVE: &str = "24000";
/// Another seed than that of the recorded cases.
const LIVE_SEED: &str = "7";

#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) provider: String,
    pub(super) model: String,
    at: UnixMicros,
    context: BTreeMap<String, String>,
    meters: Meters,
    model_id: Option<String>,
    usd: Option<Usd>,
}

/// The recorded cases.
pub(super) fn recorded() -> impl Iterator<Item = Case> {
    cases(RECORDED)
}

fn cases(text: &str) -> impl Iterator<Item = Case> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

impl Case {
    pub(super) fn query(&self) -> Query<'_> {
        let told = |key: &str| self.context.get(key).map(String::as_str);
        Query {
            provider: &self.provider,
            model: &self.model,
            at: self.at,
            context: PriceContext {
                service_tier: told("service_tier"),
                processing: told("processing"),
                speed: told("speed"),
                search_type: told("search_type"),
                route: told("route"),
                ..PriceContext::NONE
            },
            meters: &self.meters,
        }
    }
}

/// Prices every case and gives how many there were, and how many models were priced.
fn compare(text: &str) -> (usize, usize) {
    let (mut wrong, mut models, mut count) = (Vec::new(), HashSet::new(), 0);
    for case in cases(text) {
        count += 1;
        let query = case.query();
        let priced = BOOK.price(&query);
        let model = priced.as_ref().map(|priced| priced.model_id);
        let expected_model = case.model_id.as_deref().filter(|_| case.usd.is_some());
        if priced.as_ref().map(|priced| priced.cost) != case.usd || model != expected_model {
            wrong.push(format!("{case:?}: got {:?} of {model:?}", priced.map(|p| p.cost)));
        }
        models.extend(model.map(|model| (case.provider.clone(), model.to_owned())));
    }
    assert!(
        wrong.is_empty(),
        "{} differ, such as:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    (count, models.len())
}

#[test]
fn every_recorded_case_costs_what_the_source_of_the_catalog_says() {
    let (cases, models) = compare(RECORDED);
    assert!(cases >= 3_000 && models >= 1_900, "{cases} cases of {models} models");
}

#[test]
fn the_source_of_the_catalog_answers_the_same_for_24000_more_where_it_is_installed() {
    let Some(python) = python() else {
        eprintln!("skipped: `cargo xtask fixtures prices` installs genai-prices");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/goldens.py");
    let answers = Command::new(python)
        .arg(script)
        .args(["--cases", LIVE, "--seed", LIVE_SEED])
        .output()
        .unwrap();
    assert!(answers.status.success(), "{}", String::from_utf8_lossy(&answers.stderr));
    let (cases, models) = compare(str::from_utf8(&answers.stdout).unwrap());
    assert!(cases >= 24_000 && models >= 2_300, "{cases} cases of {models} models");
}

/// The interpreter beside the package, where `cargo xtask fixtures prices` puts it.
#[allow(clippy::disallowed_methods, reason = "a test has no configuration file to read")]
fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("tollgate/prices/bin/python")).filter(|python| python.exists())
}

#[test]
fn a_rate_set_names_exactly_one_set_of_rates() {
    let mut names = HashMap::new();
    let mut sets = HashMap::new();
    for case in cases(RECORDED) {
        let query = case.query();
        let Some(priced) = BOOK.price(&query) else { continue };
        let mut rates: Vec<String> = priced
            .rates()
            .map(|rate| format!("{} {} {}", rate.key, rate.rate, rate.factor))
            .collect();
        rates.sort_unstable();
        let name = priced.rate_set.to_string();
        assert_eq!(name.len(), 16);
        assert_eq!(*sets.entry(name.clone()).or_insert(rates.clone()), rates);
        assert_eq!(*names.entry(rates).or_insert(name.clone()), name);
    }
    assert!(names.len() > 500, "{} sets", names.len());
}
