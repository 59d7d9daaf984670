//! How long an admission over seven budgets takes, settlement included, alone and while other threads
//! do the same. It runs once per attempt, under the one lock of the organisation.

#![allow(clippy::panic, reason = "a bench that cannot set its scene must stop")]
#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use policy::{
    Admission, Budget, Grant, LeaseReply, OnTight, OnUnpriced, PROTOCOL, Quote, Spender, Treasury,
    Verdict, WhenAlone,
};
use units::{BillingZone, CalendarWindow, KeyId, Slug, UnixMicros, Usd};

/// 2026-11-15T00:00:00Z, microseconds.
const NOW: UnixMicros = UnixMicros::new(1_794_700_800_000_000);

fn slug(text: &str) -> Slug {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Seven budgets, one a scope, each with a lease that no run uses up.
fn treasury() -> Arc<Treasury> {
    let key = format!("key:{}", KeyId::from_u128(7));
    let scopes =
        ["organisation", "team:a", "project:p", "user:u", "customer:c", "model:m", key.as_str()];
    let budget = |scope: &str| Budget {
        id: Budget::id_of(&slug("acme"), scope),
        name: scope.to_owned(),
        organisation: slug("acme"),
        scope: scope.parse().unwrap_or_else(|error| panic!("{error}")),
        window: CalendarWindow::Month,
        limit: Usd::from_dollars(1_000_000_000),
        on_tight: OnTight::Clamp,
        on_unpriced: OnUnpriced::Deny,
        when_alone: WhenAlone::Refuse,
    };
    let budgets: Vec<Budget> = scopes.into_iter().map(budget).collect();
    let treasury = Arc::new(Treasury::new(BillingZone::UTC));
    treasury.configure(&budgets);
    let (window_start, _) = CalendarWindow::Month.range(NOW, &BillingZone::UTC);
    let grant = |budget: &Budget| Grant {
        budget: budget.id,
        window_start,
        term: 1,
        granted: Usd::from_dollars(500_000_000),
        settled: Usd::ZERO,
        remaining: Usd::from_dollars(500_000_000),
        spent: Usd::ZERO,
        nodes: 1,
        verdict: Verdict::Held,
    };
    // The accounts are there once a request has asked for them.
    let _short = admit_once(&treasury);
    let grants = budgets.iter().map(grant).collect();
    let reply = LeaseReply { protocol: PROTOCOL, now: NOW, ttl_ms: 3_600_000, grants };
    treasury.apply(&reply, NOW);
    treasury
}

/// Admits and settles; whether there was room.
fn admit_once(treasury: &Arc<Treasury>) -> bool {
    let (team, project) = (slug("a"), slug("p"));
    admit(treasury, &team, &project)
}

fn admit(treasury: &Arc<Treasury>, team: &Slug, project: &Slug) -> bool {
    let quote = Quote {
        fixed: Usd::from_pico(1_000_000),
        output_per_million: Usd::from_dollars(10),
        output_tokens_max: 1_000,
        output_tokens_usual: 200,
    };
    let spender = Spender {
        team,
        project: Some(project),
        key: KeyId::from_u128(7),
        user: Some("u"),
        customer: Some("c"),
        model: "m",
    };
    let admission = Admission { spender, at: NOW, quote: Some(&quote) };
    match treasury.admit(black_box(&admission), NOW) {
        Ok(held) => {
            held.settle(Usd::from_pico(1));
            true
        }
        Err(_) => false,
    }
}

fn admission(criterion: &mut Criterion) {
    let treasury = treasury();
    let (team, project) = (slug("a"), slug("p"));
    assert!(admit(&treasury, &team, &project), "the leases do not hold");
    let mut group = criterion.benchmark_group("admission_over_7_scopes");
    for others in [0_u32, 1, 3] {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..others {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        admit(&treasury, &team, &project);
                    }
                });
            }
            group.bench_function(format!("{others}_other_threads"), |bencher| {
                bencher.iter(|| black_box(admit(&treasury, &team, &project)));
            });
            stop.store(true, Ordering::Relaxed);
        });
    }
    group.finish();
}

criterion_group!(benches, admission);
criterion_main!(benches);
