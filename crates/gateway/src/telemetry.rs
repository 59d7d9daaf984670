//! What is counted for operators. Labels are closed sets: never a key, a team or a customer.

use std::time::Duration;

use events::{CacheState, ErrorClass, UsageEvent};
use metrics::{counter, gauge, histogram};
use units::Usd;

/// Counts one settled attempt, and by how much it cost more than it held.
pub(crate) fn settled(event: &UsageEvent, overshoot: Usd) {
    let error = event.outcome.error.map_or("none", ErrorClass::as_str);
    counter!("tollgate_attempts_total", "error" => error).increment(1);
    used(event);
    if !overshoot.is_zero() {
        gauge!("tollgate_budget_overshoot_usd_total").increment(dollars(overshoot));
    }
}

/// Counts what a settled attempt used on another model; attempts are counted by their own rows.
pub(crate) fn settled_beside(event: &UsageEvent) {
    used(event);
}

fn used(event: &UsageEvent) {
    counter!("tollgate_tokens_total", "kind" => "input").increment(event.meters.input_tokens());
    counter!("tollgate_tokens_total", "kind" => "output").increment(event.meters.output_tokens());
    match event.cost.billed {
        Some(cost) => gauge!("tollgate_cost_usd_total").increment(dollars(cost)),
        None => counter!("tollgate_unpriced_requests_total").increment(1),
    }
}

/// Counts one request that was refused before anything was sent.
pub(crate) fn refused(class: ErrorClass) {
    counter!("tollgate_refused_total", "error" => class.as_str()).increment(1);
}

/// Counts one finished request and the time it spent in the gateway itself.
pub(crate) fn answered(overhead_us: i64) {
    counter!("tollgate_requests_total").increment(1);
    let micros = u32::try_from(overhead_us.max(0)).unwrap_or(u32::MAX);
    histogram!("tollgate_overhead_seconds").record(f64::from(micros) / 1e6);
}

/// Counts one wait for a lease, which is not the gateway's own time.
pub(crate) fn waited_for_lease(wait: Duration, outcome: &'static str) {
    counter!("tollgate_lease_waits_total", "outcome" => outcome).increment(1);
    histogram!("tollgate_lease_wait_seconds").record(wait.as_secs_f64());
}

/// Counts what the cache did for one request of a route that caches.
pub(crate) fn cached(state: CacheState) {
    counter!("tollgate_cache_total", "state" => state.as_str()).increment(1);
}

/// Shows what the answers kept take together, bytes.
pub(crate) fn cache_bytes(bytes: u64) {
    // Integers convert to a float without loss up to 32 bits: the gauge ends at 4 GiB.
    gauge!("tollgate_cache_bytes").set(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
}

/// An amount as the float that metrics are made of, up to 2^31 USD; never used for anything else.
fn dollars(amount: Usd) -> f64 {
    const PICO: i128 = 1_000_000_000_000;
    const MICRO: i128 = 1_000_000;
    let (whole, rest) = (amount.pico() / PICO, amount.pico() % PICO);
    let part = |part: i128| f64::from(i32::try_from(part).unwrap_or(i32::MAX));
    part(whole) + (part(rest / MICRO) + part(rest % MICRO) / 1e6) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_the_amount_but_for_its_last_bits() {
        for text in ["0", "0.000001234567", "-0.5", "12.000000000001", "2147483.999999999999"] {
            let exact: f64 = text.parse().unwrap();
            let metric = dollars(text.parse().unwrap());
            assert!((metric - exact).abs() <= exact.abs() * 1e-15, "{text}: {metric}");
        }
    }
}
