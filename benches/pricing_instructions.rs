//! How many instructions it takes to find and price a request: a count that does not depend on what else
//! the machine does.
//!
//! Runs itself under valgrind's cachegrind, once with and once without pricing, and divides the
//! difference. Says so and ends where there is no valgrind.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::error::Error;
use std::hint::black_box;
use std::process::Command;

use events::{Meter, Meters};
use pricing::{PriceBook, PriceContext, Query};
use units::UnixMicros;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Requests priced in the run with pricing.
const REQUESTS: u64 = 10_000;
/// What a child process is started with, before its case and its number of requests.
const CHILD: &str = "--count";

/// Most instructions a request may take: those of the dearest case when this was first measured (2026-11,
/// 0.7 microseconds there), so that growth shows.
const TARGET: u64 = 12_000;

const CASES: &[(&str, &str, &str, Option<&str>)] = &[
    ("spelled_out_name", "openai", "gpt-5.4", None),
    ("tier_of_service", "openai", "gpt-5.4", Some("flex")),
    ("name_found_by_clauses", "anthropic", "claude-fable-5-2-20261001", None),
    ("provider_by_other_name", "bedrock", "openai.gpt-5.4", None),
    ("resold", "azure", "gpt-5.4", None),
    ("unknown_model", "openrouter", "acme/unheard-of", None),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, case, requests] = arguments.as_slice()
        && flag == CHILD
    {
        return price(case, requests.parse()?);
    }
    // `cargo bench NAME` passes a filter to every bench.
    let name = arguments.iter().find(|text| !text.starts_with("--"));
    if name.is_some_and(|name| !"pricing_instructions".contains(name.as_str())) {
        return Ok(());
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: instructions are counted by valgrind, which is not installed");
        return Ok(());
    }
    for (case, ..) in CASES {
        let each = (count(case, REQUESTS)? - count(case, 0)?) / REQUESTS;
        let word = if each <= TARGET { "met" } else { "MISSED" };
        println!("{case}: {each} instructions a request (target at most {TARGET}: {word})");
    }
    Ok(())
}

/// Instructions of a whole run.
fn count(case: &str, requests: u64) -> Result<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([CHILD, case, &requests.to_string()])
        .output()?;
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    // `==1== I refs: 254,443,275`, with more blanks in some versions.
    let count = told.lines().find_map(|line| {
        let (before, count) = line.split_once("refs:")?;
        before.trim_end().ends_with(" I").then_some(count)
    });
    let count = count.ok_or_else(|| format!("valgrind counted nothing: {told}"))?;
    Ok(count.trim().replace(',', "").parse()?)
}

/// Prices one case so many times over.
fn price(case: &str, requests: u64) -> Result<()> {
    let found = CASES.iter().find(|(name, ..)| *name == case);
    let (_, provider, model, service_tier) = *found.ok_or("no such case")?;
    let book = PriceBook::embedded()?;
    let meters = Meters::NONE
        .with(Meter::InputText, 12_345)
        .with(Meter::CacheReadText, 6_789)
        .with(Meter::OutputText, 1_234)
        .with(Meter::Reasoning, 567);
    let at = UnixMicros::new(1_795_000_000_000_000);
    let context = PriceContext { service_tier, ..PriceContext::NONE };
    let query = Query { provider, model, at, context, meters: &meters };
    for _ in 0..requests {
        black_box(book.price(black_box(&query)).map(|priced| priced.cost));
    }
    Ok(())
}
