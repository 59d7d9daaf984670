//! Another snapshot in force while requests are under way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use gateway::{InForce, InForceError, Local, Origin, SecretUnresolved};
use policy::{KeyEntry, SnapshotDocument, hash_secret};
use serde_json::json;
use units::{Clock, KeyId, Secret, SystemClock, Usd};

use crate::harness::{Gateway, OPENAI_MODEL, Setup, ask, ask_stream, simulator};
use crate::raw_client::RawClient;
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, closing, completion, delta, end_stream, respond,
    stream_all,
};
use crate::setup::{PRICES, local};

/// Puts a document in force.
fn put(gateway: &Gateway, document: &SnapshotDocument) {
    let current = &gateway.engine.current;
    let in_force = InForce::compile(document, Some(&current.load()), &local()).unwrap();
    current.replace(in_force, Origin::Source, SystemClock.now());
}

/// The same document, one version on and with one key more.
fn next(document: &SnapshotDocument) -> SnapshotDocument {
    let mut next = document.clone();
    next.version += 1;
    let mut key = next.keys[0].key.clone();
    key.id = KeyId::from_u128(u128::from(next.version) << 32);
    next.keys.push(KeyEntry { hash: hash_secret(&key.id.to_string()), key });
    next
}

#[test]
fn swaps_under_load_keep_every_connection_and_lose_no_request() {
    let upstream = RawUpstream::start(|heard, stream| match heard.json()["stream"].as_bool() {
        Some(true) => stream_all(stream),
        _ => respond(stream, 200, "", &completion()),
    });
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let mut document = setup.document();
    let gateway = setup.start();
    let clients = 4;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut client = RawClient::connect(gateway.address);
                while !is_over.load(Ordering::SeqCst) {
                    client.chat(&ask("raw"));
                    assert_eq!(client.read_answer().status, 200);
                    client.chat(&ask_stream("raw"));
                    assert!(client.read_answer().body.ends_with("data: [DONE]\n\n"));
                }
            });
        }
        for swap in 0..100 {
            upstream.heard(swap * 8);
            document = next(&document);
            put(&gateway, &document);
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(gateway.engine.current.load().snapshot.version, document.version);
    // A client may be back before the connection of its last request is.
    assert!(upstream.connections() <= 2 * clients, "{} connections", upstream.connections());
    let events = gateway.close();
    assert!(events.len() >= 792, "{}", events.len());
    assert!(events.iter().all(|event| event.outcome.error.is_none()));
}

#[test]
fn a_revoked_key_is_refused_from_the_swap_on_even_on_a_connection_it_has_used() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let setup = Setup::raw(&upstream.base_url());
    let document = setup.document();
    let gateway = setup.start();
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask("raw"));
    assert_eq!(client.read_answer().status, 200);
    let mut revoked = document.clone();
    (revoked.version, revoked.keys) = (2, Vec::new());
    put(&gateway, &revoked);
    client.chat(&ask("raw"));
    assert_eq!(client.read_answer().status, 401);
    put(&gateway, &document);
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask("raw"));
    assert_eq!(client.read_answer().status, 200);
    drop(client);
    gateway.close();
}

#[test]
fn a_stream_ends_as_it_began_though_its_provider_is_gone() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("first ")).unwrap();
        gate.lock().unwrap().recv().unwrap();
        chunk(stream, &delta("last")).unwrap();
        chunk(stream, &closing()).unwrap();
        end_stream(stream).unwrap();
        Then::Keep
    });
    let setup = Setup::raw(&upstream.base_url());
    let mut document = setup.document();
    let gateway = setup.start();
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask_stream("raw"));
    client.read_until("first ");
    (document.version, document.routes, document.providers) = (2, Vec::new(), Vec::new());
    put(&gateway, &document);
    assert_eq!(gateway.chat(&ask("raw")).status, 404);
    go.send(()).unwrap();
    client.read_until("data: [DONE]\n\n");
    drop(client);
    let events = gateway.close();
    let streamed = events.iter().find(|event| event.call.is_stream).unwrap();
    assert!(streamed.cost.billed > Some(Usd::ZERO) && streamed.outcome.error.is_none());
}

#[test]
fn a_provider_without_its_secret_is_left_out_and_its_targets_fail_over() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.providers[0].secret = Some("env:NOT_HERE".to_owned());
    let gateway = setup.start();
    let in_force = gateway.engine.current.load();
    let (name, reason) = in_force.left_out().first_key_value().unwrap();
    assert_eq!((name.as_str(), reason.contains("NOT_HERE")), ("openai", true));
    let answer = gateway.chat(&ask("both"));
    assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, "anthropic"));
    let alone = gateway.chat(&ask("openai"));
    assert_eq!((alone.status, alone.code().as_str()), (503, "provider_unknown"));
    gateway.close();
}

#[test]
fn what_did_not_change_is_kept_and_what_did_is_made_anew() {
    let document = Setup::new()
        .provider("one", events::Dialect::OpenaiChat, "http://127.0.0.1:9/v1")
        .provider("two", events::Dialect::OpenaiChat, "http://127.0.0.1:9/v1")
        .document();
    let first = InForce::compile(&document, None, &local()).unwrap();
    let mut changed = next(&document);
    changed.providers[1].idle_timeout_ms += 1;
    let second = InForce::compile(&changed, Some(&first), &local()).unwrap();
    assert!(Arc::ptr_eq(&first.upstreams["one"], &second.upstreams["one"]));
    assert!(!Arc::ptr_eq(&first.upstreams["two"], &second.upstreams["two"]));
    assert!(Arc::ptr_eq(&first.prices, &second.prices));
    assert_ne!(first.tag, second.tag);
    // The reference is the same, what it leads to is not.
    let rotated =
        Local { secrets: Box::new(|_| Ok(Secret::new("sk-another-0123456789"))), ..local() };
    let third = InForce::compile(&changed, Some(&second), &rotated).unwrap();
    assert!(!Arc::ptr_eq(&second.upstreams["one"], &third.upstreams["one"]));
    // A bad address or a missing secret costs only its own provider.
    changed.providers[0].base_url = "ftp://somewhere".to_owned();
    let fourth = InForce::compile(&changed, Some(&third), &local()).unwrap();
    assert_eq!(fourth.upstreams.keys().collect::<Vec<_>>(), ["two"]);
    assert!(fourth.left_out()["one"].contains("ftp://somewhere"));
    let nothing = Local {
        secrets: Box::new(|_| Err(SecretUnresolved("it is nowhere".to_owned()))),
        ..local()
    };
    let fifth = InForce::compile(&changed, Some(&fourth), &nothing).unwrap();
    assert!(fifth.upstreams.is_empty() && fifth.left_out()["two"].contains("nowhere"));
}

#[test]
fn prices_of_a_document_go_over_the_catalog_and_are_parsed_once() {
    let overlay = |usd: &str| {
        let rates = json!({"input": usd, "output": usd});
        let model = json!({"id": "house-model-7b", "prices": [{"rates": rates}]});
        json!({"providers": [{"id": "openai", "models": [model]}]}).to_string()
    };
    let mut document = Setup::new().document();
    document.prices = Some(overlay("1"));
    let first = InForce::compile(&document, None, &local()).unwrap();
    assert_ne!(first.prices.version(), PRICES.version());
    assert!(first.prices.is_priced("openai", "house-model-7b", SystemClock.now()));
    let again = InForce::compile(&next(&document), Some(&first), &local()).unwrap();
    assert!(Arc::ptr_eq(&first.prices, &again.prices));
    // The same file as a layer is another book only by the name its prices are told by.
    let layer = |name: &str, usd: &str| pricing::Layer {
        kind: pricing::LayerKind::Operator,
        name: name.to_owned(),
        json: overlay(usd),
    };
    document.prices = Some(overlay("7"));
    document.price_layers = Some(vec![layer("pricing.file", "1")]);
    let layered = InForce::compile(&document, Some(&first), &local()).unwrap();
    assert!(Arc::ptr_eq(&first.prices, &layered.prices), "layers go before the old field");
    document.price_layers = None;
    document.prices = Some(overlay("2"));
    let second = InForce::compile(&document, Some(&again), &local()).unwrap();
    assert_ne!(first.prices.version(), second.prices.version());
    document.prices = None;
    let without = InForce::compile(&document, Some(&second), &local()).unwrap();
    assert!(Arc::ptr_eq(&without.prices, &PRICES));
    document.prices = Some("{\"providers\": 7}".to_owned());
    let refused = InForce::compile(&document, Some(&without), &local());
    assert!(matches!(refused, Err(InForceError::Prices(_))));
}

#[test]
fn a_changed_price_counts_for_the_requests_that_begin_after_it() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let setup = Setup::raw(&upstream.base_url());
    let mut document = setup.document();
    let gateway = setup.start();
    let before = gateway.chat(&ask("raw"));
    let rates = json!({"input": "1000000", "output": "0"});
    let model = json!({"id": OPENAI_MODEL, "prices": [{"rates": rates}]});
    let prices = json!({"providers": [{"id": "openai", "models": [model]}]});
    (document.version, document.prices) = (2, Some(prices.to_string()));
    put(&gateway, &document);
    let after = gateway.chat(&ask("raw"));
    assert!(before.header("x-tollgate-cost-usd").parse::<Usd>().unwrap() < Usd::from_dollars(1));
    assert_eq!(after.header("x-tollgate-cost-usd"), "20.00");
    let events = gateway.close();
    assert_eq!(events[1].cost.billed, Some(Usd::from_dollars(20)));
    assert_ne!(events[0].cost.price_version, events[1].cost.price_version);
}
