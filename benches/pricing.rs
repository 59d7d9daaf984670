//! How long it takes to find and price a request: this runs once per attempt, and more for estimates.
//!
//! The book is that of an installation which uses everything: the catalog, an import that changes some
//! of it and adds models, an operator's file with aliases, and a contract with discounts; above 2,500
//! models.

#![allow(clippy::panic, reason = "a bench that cannot load its data must stop")]
#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use events::{Meter, Meters};
use pricing::{Layer, LayerKind, PriceBook, PriceContext, Query};
use units::UnixMicros;

/// Models the import adds: with the catalog's 2,330 more than 2,500.
const IMPORTED: usize = 500;

fn layers() -> Vec<Layer> {
    let layer = |kind, name: &str, json: String| Layer { kind, name: name.to_owned(), json };
    let imported: Vec<String> = (0..IMPORTED)
        .map(|number| {
            format!(
                r#"{{"id":"imported-{number}","prices":[{{"from":"2026-11-01","rates":{{"input":"1.5","output":"6"}}}}]}}"#
            )
        })
        .collect();
    let imported = format!(
        r#"{{"providers":[{{"id":"openai","models":[{},
            {{"id":"gpt-5.5","keep_variants":true,"prices":[{{"from":"2026-11-01","rates":{{"input":"4","output":"24"}}}}]}}]}}]}}"#,
        imported.join(",")
    );
    let operator =
        r#"{"providers":[],"aliases":[{"provider":"azure","name":"prod-chat","model":"gpt-5.4"}]}"#;
    let contract = r#"{"providers":[],"multipliers":[{"provider":"anthropic","factor":"0.9"},
        {"provider":"openai","keys":["tokens"],"factor":"0.85","from":"2026-01-01"}]}"#;
    let mut layers = Layer::embedded();
    layers.push(layer(LayerKind::Imported, "import", imported));
    layers.push(layer(LayerKind::Operator, "prices.json", operator.to_owned()));
    layers.push(layer(LayerKind::Contract, "contract.json", contract.to_owned()));
    layers
}

fn pricing(criterion: &mut Criterion) {
    let catalog = PriceBook::embedded().unwrap_or_else(|error| panic!("{error}"));
    let layered = PriceBook::compose(&layers()).unwrap_or_else(|error| panic!("{error}"));
    let meters = Meters::NONE
        .with(Meter::InputText, 12_345)
        .with(Meter::CacheReadText, 6_789)
        .with(Meter::OutputText, 1_234)
        .with(Meter::Reasoning, 567);
    let at = UnixMicros::new(1_795_000_000_000_000);
    let flex = PriceContext { service_tier: Some("flex"), ..PriceContext::NONE };
    let in_us = PriceContext { inference_geo: Some("us"), ..PriceContext::NONE };
    for (group, book) in [("price", &catalog), ("price_layered", &layered)] {
        let mut group = criterion.benchmark_group(group);
        for (name, provider, model, context) in [
            ("spelled_out_name", "openai", "gpt-5.4", PriceContext::NONE),
            ("tier_of_service", "openai", "gpt-5.4", flex),
            ("regional", "anthropic", "claude-opus-5", in_us),
            ("name_found_by_clauses", "anthropic", "claude-fable-5-2-20261001", PriceContext::NONE),
            ("provider_by_other_name", "bedrock", "openai.gpt-5.4", PriceContext::NONE),
            ("resold", "azure", "gpt-5.4", PriceContext::NONE),
            ("alias", "azure", "prod-chat", PriceContext::NONE),
            ("unknown_model", "openrouter", "acme/unheard-of", PriceContext::NONE),
        ] {
            let query = Query { provider, model, at, context, meters: &meters };
            group.bench_function(name, |bencher| {
                bencher.iter(|| black_box(book.price(black_box(&query)).map(|priced| priced.cost)));
            });
        }
        group.finish();
    }
    criterion.bench_function("limits/resolve_only", |bencher| {
        bencher.iter(|| black_box(catalog.limits(black_box("openai"), black_box("gpt-5.4"))));
    });
    criterion.bench_function("embedded/parse", |bencher| {
        bencher.iter(|| black_box(PriceBook::embedded().is_ok()));
    });
}

criterion_group!(benches, pricing);
criterion_main!(benches);
