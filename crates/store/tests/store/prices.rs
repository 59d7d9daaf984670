//! Prices: layers that never change, which are in force, and books that can be composed again.

use pricing::LayerKind;
use store::{
    Actor, NewAudit, NewPriceBook, NewPriceLayer, PriceChange, PriceVersion, PricesInForce,
};

use crate::{Bench, Engine};

on_both_engines!(
    a_layer_is_in_force_until_another_of_its_kind_and_name_is,
    a_layer_withdrawn_says_nothing_from_then_on_and_stays_in_the_books_that_had_it,
    a_book_is_found_by_its_version_with_its_layers_as_they_lay,
    the_layer_in_force_recorded_again_changes_nothing_and_is_not_audited,
    a_change_made_from_older_prices_is_refused_and_nothing_of_it_is_kept,
    a_change_is_told_to_whoever_compiles_snapshots,
    of_many_changes_at_once_none_is_lost,
    a_recorded_price_cannot_be_changed_behind_our_back,
    hostile_text_is_kept_as_far_as_the_engine_can,
);

fn layer(kind: LayerKind, name: &str, text: &str) -> NewPriceLayer {
    let source_version = (kind == LayerKind::Imported).then(|| "2026-11-22".to_owned());
    NewPriceLayer { kind, name: name.to_owned(), source_version, text: text.to_owned() }
}

/// A change to a layer that gives a book of the catalog and that layer.
fn change(follows: u64, version: &str, layer: NewPriceLayer) -> PriceChange {
    let catalog = self::layer(LayerKind::Embedded, "catalog.json", "{\"providers\": []}");
    PriceChange {
        entry: NewAudit {
            after: serde_json::json!({ "version": version }),
            ..NewAudit::new(&Actor::Cli, "price.set", &layer.name)
        },
        book: NewPriceBook { version: version.to_owned(), layers: vec![catalog, layer.clone()] },
        layer,
        follows,
    }
}

fn texts(prices: &PricesInForce) -> Vec<(&str, &str)> {
    prices.layers.iter().map(|kept| (&*kept.layer.name, &*kept.layer.text)).collect()
}

async fn a_layer_is_in_force_until_another_of_its_kind_and_name_is(engine: Engine) {
    let bench = Bench::new(engine).await;
    let prices = bench.store.prices();
    assert_eq!(prices.in_force().await.unwrap(), PricesInForce::default());
    let set = |text| layer(LayerKind::Operator, "set", text);
    let imported = |text| layer(LayerKind::Imported, "litellm", text);
    for (follows, layer) in
        [set("1"), imported("2"), set("3"), imported("4")].into_iter().enumerate()
    {
        let follows = follows as u64;
        assert!(prices.record(&change(follows, &format!("pb_{follows}"), layer)).await.unwrap());
    }
    let other = bench.second().await.prices().in_force().await.unwrap();
    assert_eq!(texts(&other), [("litellm", "4"), ("set", "3")]);
    assert_eq!(other.revision, 4);
    assert_eq!(other.layers[0].layer.source_version.as_deref(), Some("2026-11-22"));
    assert_eq!(other.layers[0].recorded_at, bench.now());
    assert_eq!(other.layers[1].recorded_by, "cli");
}

async fn a_layer_withdrawn_says_nothing_from_then_on_and_stays_in_the_books_that_had_it(
    engine: Engine,
) {
    let bench = Bench::new(engine).await;
    let prices = bench.store.prices();
    let imported = |text| layer(LayerKind::Imported, "litellm", text);
    prices.record(&change(0, "pb_wrong", imported("wrong"))).await.unwrap();
    assert!(prices.record(&change(1, "pb_before", imported("{}"))).await.unwrap());
    assert_eq!(texts(&prices.in_force().await.unwrap()), [("litellm", "{}")]);
    let then = prices.at("pb_wrong").await.unwrap().unwrap();
    assert_eq!(then[1].layer, imported("wrong"));
    // A book that was known already has another list of layers, and the same prices: the first stays.
    assert!(prices.record(&change(2, "pb_wrong", imported("wrong"))).await.unwrap());
    assert!(prices.record(&change(3, "pb_before", imported("{}"))).await.unwrap());
    let versions = prices.versions(10).await.unwrap();
    let known: Vec<&str> = versions.iter().map(|version| &*version.version).collect();
    assert_eq!(known.len(), 2, "{known:?}");
}

async fn a_book_is_found_by_its_version_with_its_layers_as_they_lay(engine: Engine) {
    let bench = Bench::new(engine).await;
    let prices = bench.store.prices();
    let first = layer(LayerKind::Operator, "set", "1");
    prices.record(&change(0, "pb_first", first.clone())).await.unwrap();
    bench.pass_us(5);
    let book = NewPriceBook {
        version: "pb_second".to_owned(),
        layers: vec![layer(LayerKind::Operator, "prices.json", "2"), first.clone()],
    };
    assert!(prices.note(&book, &Actor::System).await.unwrap());
    assert!(!prices.note(&book, &Actor::System).await.unwrap());
    let laid = |layers: Vec<store::PriceLayer>| -> Vec<NewPriceLayer> {
        layers.into_iter().map(|kept| kept.layer).collect()
    };
    let found = prices.at("pb_second").await.unwrap().unwrap();
    assert_eq!(laid(found), book.layers);
    let found = prices.at("pb_first").await.unwrap().unwrap();
    assert_eq!(found[1].hash, first.hash());
    assert_eq!(laid(found)[1], first);
    assert_eq!(prices.at("pb_third").await.unwrap(), None);

    let names = |version: &PriceVersion| -> Vec<String> {
        version.layers.iter().map(|layer| format!("{} {}", layer.kind, layer.name)).collect()
    };
    let versions = prices.versions(10).await.unwrap();
    let listed: Vec<&str> = versions.iter().map(|version| &*version.version).collect();
    assert_eq!(listed, ["pb_second", "pb_first"]);
    assert_eq!(names(&versions[0]), ["operator prices.json", "operator set"]);
    assert_eq!(names(&versions[1]), ["embedded catalog.json", "operator set"]);
    assert_eq!((versions[0].recorded_at, &*versions[0].recorded_by), (bench.now(), "system"));
    assert_eq!(prices.versions(1).await.unwrap().len(), 1);
    // A book noted is not in force for others: each process composes its own.
    assert_eq!(texts(&prices.in_force().await.unwrap()), [("set", "1")]);
}

async fn the_layer_in_force_recorded_again_changes_nothing_and_is_not_audited(engine: Engine) {
    let bench = Bench::new(engine).await;
    let prices = bench.store.prices();
    let set = layer(LayerKind::Operator, "set", "1");
    assert!(prices.record(&change(0, "pb_1", set.clone())).await.unwrap());
    let before = prices.in_force().await.unwrap();
    assert!(!prices.record(&change(1, "pb_1", set.clone())).await.unwrap());
    assert!(!prices.record(&change(0, "pb_1", set)).await.unwrap());
    assert_eq!(prices.in_force().await.unwrap(), before);
    let log = bench.store.audit().list(None, 10).await.unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!((&*log[0].action, &*log[0].subject, &*log[0].actor), ("price.set", "set", "cli"));
}

async fn a_change_made_from_older_prices_is_refused_and_nothing_of_it_is_kept(engine: Engine) {
    let bench = Bench::new(engine).await;
    let prices = bench.store.prices();
    let set = |text| layer(LayerKind::Operator, "set", text);
    prices.record(&change(0, "pb_1", set("1"))).await.unwrap();
    let error = prices.record(&change(0, "pb_2", set("2"))).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("do it again"), "{error}");
    assert_eq!(prices.at("pb_2").await.unwrap(), None);
    assert_eq!(texts(&prices.in_force().await.unwrap()), [("set", "1")]);
    // What was in force before may come back.
    assert!(prices.record(&change(1, "pb_2", set("2"))).await.unwrap());
    assert!(prices.record(&change(2, "pb_1", set("1"))).await.unwrap());
    assert_eq!(texts(&prices.in_force().await.unwrap()), [("set", "1")]);
}

async fn a_change_is_told_to_whoever_compiles_snapshots(engine: Engine) {
    let bench = Bench::new(engine).await;
    let keys = bench.store.keys();
    let (before, mut changes) = (keys.revision().await.unwrap(), keys.changes());
    let set = layer(LayerKind::Operator, "set", "1");
    let book = change(0, "pb_1", set.clone()).book;
    bench.store.prices().note(&book, &Actor::System).await.unwrap();
    assert_eq!(keys.revision().await.unwrap(), before, "a book alone changes no snapshot");
    bench.store.prices().record(&change(0, "pb_1", set)).await.unwrap();
    assert_eq!(keys.revision().await.unwrap(), before + 1);
    assert!(changes.has_changed().unwrap());
    assert_eq!(*changes.borrow_and_update(), before + 1);
}

async fn of_many_changes_at_once_none_is_lost(engine: Engine) {
    let bench = Bench::new(engine).await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let prices = stores[n % 2].prices();
        tasks.spawn(async move {
            let layer = layer(LayerKind::Operator, &format!("file {n}"), &n.to_string());
            loop {
                let follows = prices.in_force().await.unwrap().revision;
                match prices.record(&change(follows, &format!("pb_{n}"), layer.clone())).await {
                    Ok(recorded) => return assert!(recorded),
                    Err(error) => assert!(error.is_conflict(), "{error}"),
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let prices = bench.store.prices().in_force().await.unwrap();
    assert_eq!((prices.layers.len(), prices.revision), (8, 8));
}

async fn a_recorded_price_cannot_be_changed_behind_our_back(engine: Engine) {
    let bench = Bench::new(engine).await;
    let set = layer(LayerKind::Operator, "set", "1");
    bench.store.prices().record(&change(0, "pb_1", set)).await.unwrap();
    for statement in [
        "UPDATE price_layers SET text = '{}'",
        "DELETE FROM price_layers",
        "UPDATE price_book_layers SET position = position + 9",
        "DELETE FROM price_book_layers",
    ] {
        let error = bench.raw(statement).await.unwrap_err().to_string();
        assert!(error.contains("a recorded price never changes"), "{statement}: {error}");
    }
}

async fn hostile_text_is_kept_as_far_as_the_engine_can(engine: Engine) {
    let bench = Bench::new(engine).await;
    let prices = bench.store.prices();
    let hostile = "'; DROP TABLE price_layers; -- \u{202e} \\u0000 😀 nul\0nul";
    let text = "x".repeat(4 << 20);
    let named = layer(LayerKind::Imported, hostile, &text);
    assert!(prices.record(&change(0, "pb_1", named.clone())).await.unwrap());
    assert!(!prices.record(&change(0, "pb_1", named)).await.unwrap());
    let kept = prices.in_force().await.unwrap();
    assert_eq!(texts(&kept), [(&*hostile.replace('\0', "\u{fffd}"), &*text)]);
    assert_eq!(prices.at("pb_\0").await.unwrap(), None);
}
