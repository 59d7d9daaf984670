//! How long it takes to find and price a request: this runs once per attempt, and more for estimates.

#![allow(clippy::panic, reason = "a bench that cannot load its data must stop")]
#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use events::{Meter, Meters};
use pricing::{PriceBook, Query};
use units::UnixMicros;

fn pricing(criterion: &mut Criterion) {
    let book = PriceBook::embedded().unwrap_or_else(|error| panic!("{error}"));
    let meters = Meters::NONE
        .with(Meter::InputText, 12_345)
        .with(Meter::CacheReadText, 6_789)
        .with(Meter::OutputText, 1_234)
        .with(Meter::Reasoning, 567);
    let at = UnixMicros::new(1_795_000_000_000_000);
    let mut group = criterion.benchmark_group("price");
    for (name, provider, model, service_tier) in [
        ("spelled_out_name", "openai", "gpt-5.4", None),
        ("tier_of_service", "openai", "gpt-5.4", Some("flex")),
        ("name_found_by_clauses", "anthropic", "claude-fable-5-2-20261001", None),
        ("provider_by_other_name", "bedrock", "openai.gpt-5.4", None),
        ("unknown_model", "openrouter", "acme/unheard-of", None),
    ] {
        let query = Query { provider, model, at, service_tier, meters: &meters };
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(book.price(black_box(&query)).map(|priced| priced.cost)));
        });
    }
    group.finish();
    criterion.bench_function("limits/resolve_only", |bencher| {
        bencher.iter(|| black_box(book.limits(black_box("openai"), black_box("gpt-5.4"))));
    });
    criterion.bench_function("embedded/parse", |bencher| {
        bencher.iter(|| black_box(PriceBook::embedded().is_ok()));
    });
}

criterion_group!(benches, pricing);
criterion_main!(benches);
