//! What needs no network: the data directory and the prices.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use pricing::PriceBook;
use units::{Clock, SystemClock};

use super::Finding;
use crate::commands::price::book;
use crate::config::Config;

/// A slower disk delays the group commit of usage.
const SYNC_MS_USUAL_MAX: u128 = 50;

/// The directories usage is written to.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let storage = &config.storage;
    let mut findings = vec![disk("data directory", &storage.data_dir)];
    if storage.lake_dir.is_some() {
        findings.push(disk("lake directory", &storage.lake_dir()));
    }
    findings
}

/// Writes, syncs and removes a small file.
fn disk(what: &str, directory: &Path) -> Finding {
    let probe = directory.join(".tollgate-doctor");
    let started = Instant::now();
    let written = fs::create_dir_all(directory).and_then(|()| {
        let mut file = File::create(&probe)?;
        file.write_all(&[0; 4096])?;
        file.sync_all()?;
        fs::remove_file(&probe)
    });
    let (shown, took) = (directory.display(), started.elapsed());
    match written {
        Err(error) => Finding::failed(
            what,
            format!("{shown}: {error}"),
            "make it writable for the user Tollgate runs as, or change it in [storage]",
        ),
        Ok(()) if took.as_millis() > SYNC_MS_USUAL_MAX => Finding::warning(
            what,
            format!("{shown} is writable; a synced write took {} ms", took.as_millis()),
            "a faster disk makes usage durable sooner; requests do not wait for it",
        ),
        Ok(()) => {
            let micros = took.as_micros();
            Finding::fine(what, format!("{shown} is writable; a synced write took {micros} us"))
        }
    }
}

/// The price book, and the targets it has no price for.
pub(super) async fn prices(config: &Config) -> Vec<Finding> {
    let store = book::existing_store(config).await;
    let composed = book::of_store(config, store.as_ref(), None).await;
    if let Some(store) = store {
        store.close().await;
    }
    let book = match composed {
        Ok(book) => book,
        Err(error) => {
            let remedy = "correct the file the message names; it says where";
            return vec![Finding::failed("prices", error.to_string(), remedy)];
        }
    };
    let mut findings = vec![Finding::fine("prices", format!("price book {}", book.version()))];
    findings.extend(unpriced(config, &book));
    findings
}

fn unpriced(config: &Config, book: &PriceBook) -> Vec<Finding> {
    let now = SystemClock.now();
    let targets = config.routes.iter().flat_map(|route| &route.targets);
    let lacks_price = |target: &&crate::config::Target| {
        let provider = config.provider(target.provider.as_str());
        provider.is_some_and(|p| !book.is_priced(p.prices.as_str(), &target.model, now))
    };
    let mut names: Vec<String> = targets
        .filter(lacks_price)
        .map(|target| format!("{}/{}", target.provider, target.model))
        .collect();
    names.sort();
    names.dedup();
    let finding = |name: String| {
        let remedy = "set its price with `tollgate price set`; until then its cost is unknown and \
                      budgets refuse it";
        Finding::warning("prices", format!("{name} has no price"), remedy)
    };
    names.into_iter().map(finding).collect()
}
