//! The gateway against nginx as a plain proxy, in one run on one machine, in front of the same
//! simulated provider: requests per second and CPU per request at 64 connections, added latency at
//! one, what a budget and the cache change, and memory per stream at a thousand. Figures are ratios;
//! nothing is judged by the clock.
//!
//! Needs `nginx` and `wrk` (Debian packages); `cargo xtask bench gateway` installs them.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::disallowed_methods, reason = "a bench has no configuration file")]

#[path = "gateway/forward.rs"]
mod forward;
#[path = "gateway/load.rs"]
mod load;
#[path = "gateway/process.rs"]
mod process;
#[path = "gateway/servers.rs"]
mod servers;
#[path = "gateway/streams.rs"]
mod streams;

use std::error::Error;

use forward::forward;
use load::{Load, run};
use servers::{Servers, simulate};

/// Rounds of each measurement, the two servers in turn; the median counts.
const ROUNDS: usize = 5;
/// The route asked for.
const MODEL: &str = "gpt-5.4-mini";
/// The route whose answers are kept.
const CACHED: &str = "cached";
/// Streams open at once.
const STREAMS: usize = 1_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "--simulate") {
        return simulate();
    }
    if arguments.first().is_some_and(|argument| argument == "--forward") {
        return forward();
    }
    // `cargo bench NAME` passes a filter to every bench.
    let filter = arguments.iter().find(|argument| !argument.starts_with("--"));
    if filter.is_some_and(|filter| !"gateway".contains(filter.as_str())) {
        return Ok(());
    }
    let servers = Servers::start()?;
    // Streams first: memory that load has left behind would hide theirs.
    streams::measure(&servers, STREAMS)?;
    throughput(&servers)?;
    latency(&servers)?;
    authority(&servers)?;
    cache(&servers)
}

fn throughput(servers: &Servers) -> Result<()> {
    let load = Load { model: MODEL, connections: 64, seconds: 6 };
    let (mut nginx, mut pingora, mut gateway) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        nginx.push(run(&servers.nginx, &load)?);
        pingora.push(run(&servers.pingora, &load)?);
        gateway.push(run(&servers.gateway, &load)?);
    }
    let rate = |runs: &[load::Measured]| median(runs.iter().map(|run| run.requests_per_s));
    let cpu = |runs: &[load::Measured]| median(runs.iter().map(|run| run.cpu_us_per_request));
    println!(
        "64 connections: nginx {:.0}/s at {:.1} us CPU, pingora alone {:.0}/s at {:.1} us CPU, \
         tollgate {:.0}/s at {:.1} us CPU",
        rate(&nginx),
        cpu(&nginx),
        rate(&pingora),
        cpu(&pingora),
        rate(&gateway),
        cpu(&gateway)
    );
    verdict("requests per second, tollgate / nginx", rate(&gateway) / rate(&nginx), 0.35, true);
    verdict("CPU per request, tollgate / nginx", cpu(&gateway) / cpu(&nginx), 3.0, false);
    Ok(())
}

/// With a budget on every request and without any.
fn authority(servers: &Servers) -> Result<()> {
    let load = Load { model: MODEL, connections: 64, seconds: 4 };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with.push(run(&servers.gateway, &load)?.cpu_us_per_request);
        without.push(run(&servers.unbudgeted, &load)?.cpu_us_per_request);
    }
    let (with, without) = (median(with.into_iter()), median(without.into_iter()));
    println!("budgets: {with:.1} us CPU a request with one, {without:.1} us without");
    verdict("CPU per request, with a budget / without", with / without, 1.1, false);
    Ok(())
}

/// Answers from memory and answers from the provider.
fn cache(servers: &Servers) -> Result<()> {
    let (mut hits, mut misses) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (model, rates) in [(CACHED, &mut hits), (MODEL, &mut misses)] {
            let load = Load { model, connections: 64, seconds: 4 };
            rates.push(run(&servers.gateway, &load)?.requests_per_s);
        }
    }
    let (hit, miss) = (median(hits.into_iter()), median(misses.into_iter()));
    println!("cache: {hit:.0}/s from memory, {miss:.0}/s from the provider");
    verdict("requests per second, hit / miss", hit / miss, 2.0, true);
    Ok(())
}

fn latency(servers: &Servers) -> Result<()> {
    let load = Load { model: MODEL, connections: 1, seconds: 3 };
    let (mut direct, mut nginx, mut pingora, mut gateway) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        direct.push(run(&servers.direct, &load)?.median_us);
        nginx.push(run(&servers.nginx, &load)?.median_us);
        pingora.push(run(&servers.pingora, &load)?.median_us);
        gateway.push(run(&servers.gateway, &load)?.median_us);
    }
    let direct = median(direct.into_iter());
    let added = |medians: Vec<f64>| median(medians.into_iter()) - direct;
    let (nginx, pingora, gateway) = (added(nginx), added(pingora), added(gateway));
    println!(
        "one connection: direct {direct:.0} us, nginx adds {nginx:.0} us, pingora alone \
         {pingora:.0} us, tollgate {gateway:.0} us"
    );
    verdict("added median latency, tollgate / nginx", gateway / nginx, 3.0, false);
    Ok(())
}

/// Prints a ratio beside its target.
fn verdict(what: &str, ratio: f64, target: f64, at_least: bool) {
    let is_met = if at_least { ratio >= target } else { ratio <= target };
    let relation = if at_least { "at least" } else { "at most" };
    let word = if is_met { "met" } else { "MISSED" };
    println!("{what}: {ratio:.2} (target {relation} {target}: {word})");
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
