//! The ledger under load: events per second through spool and commit, and how long pages take with
//! one, three and ten million events behind them.
//!
//! `cargo bench -p tollgate --bench ledger -- 1 3 10` takes other sizes, in millions. Pages are asked
//! of the real binary over HTTP, so that the time includes the loopback.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::disallowed_methods, reason = "a bench has no configuration file")]

#[path = "ledger/history.rs"]
mod history;
#[path = "ledger/ingest.rs"]
mod ingest;
#[path = "ledger/pages.rs"]
mod pages;

use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Sizes of the table where none are given, millions of events.
const MILLIONS: [usize; 3] = [1, 3, 10];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = arguments.iter().filter_map(|text| text.parse().ok()).collect();
    // `cargo bench NAME` passes a filter to every bench.
    let is_name = |text: &&String| !text.starts_with("--") && text.parse::<usize>().is_err();
    if arguments.iter().find(is_name).is_some_and(|name| !"ledger".contains(name.as_str())) {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        ingest::measure().await?;
        pages::measure(if sizes.is_empty() { &MILLIONS } else { &sizes }).await
    })
}

/// Prints a figure beside its target.
fn verdict(what: &str, figure: f64, target: f64, at_least: bool) {
    let is_met = if at_least { figure >= target } else { figure <= target };
    let relation = if at_least { "at least" } else { "at most" };
    let word = if is_met { "met" } else { "MISSED" };
    println!("{what}: {figure:.2} (target {relation} {target}: {word})");
}
