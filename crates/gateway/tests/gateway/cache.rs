//! Answers shared by equal requests of one tenant: who gets them, for how long, and how they are
//! recorded.

use std::sync::{Mutex, mpsc};

use events::{CacheState, UsageSource};
use policy::{CachePolicy, KeyEntry, SnapshotDocument, hash_secret};
use serde_json::{Value, json};
use units::{KeyId, Usd};

use crate::harness::{
    Answer, Gateway, OPENAI_MODEL, Setup, ask, ask_stream, eventually, send, simulator, wait,
};
use crate::raw_client::RawClient;
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, completion, delta, respond, stream_all, until_closed,
};

const HEADER: &str = "x-tollgate-cache";
/// Longer than any test.
const HOUR_MS: u64 = 3_600_000;

/// Route `raw` with a cache.
fn cached(base_url: &str, ttl_ms: u64) -> Setup {
    Setup::raw(base_url).tune_route(|route| route.cache = Some(CachePolicy { ttl_ms }))
}

/// A provider that answers plain requests and streams.
fn provider() -> RawUpstream {
    RawUpstream::start(|heard, stream| match heard.json()["stream"] == true {
        true => stream_all(stream),
        false => respond(stream, 200, "", &completion()),
    })
}

fn state(answer: &Answer) -> &str {
    answer.header(HEADER)
}

/// The answer's status and what the cache did, for each of a list of headers in turn.
fn states(gateway: &Gateway, asked: &[&str]) -> Vec<String> {
    let one = |value: &&str| {
        let headers: &[(&str, &str)] = if value.is_empty() { &[] } else { &[(HEADER, value)] };
        let answer = gateway.chat_with(&ask("raw"), headers);
        assert_eq!(answer.status, 200, "{}", answer.text);
        state(&answer).to_owned()
    };
    asked.iter().map(one).collect()
}

/// The body without its cost.
fn without_cost(answer: &Answer) -> Value {
    let mut body = answer.json();
    body["usage"].as_object_mut().unwrap().remove("cost");
    body
}

#[test]
fn an_equal_request_is_answered_without_the_provider_and_recorded_at_no_cost() {
    let upstream = provider();
    let gateway = cached(&upstream.base_url(), HOUR_MS).budget("1000").start();
    let first = gateway.chat(&ask("raw"));
    let mut equal = ask("raw");
    equal["user"] = "somebody else".into();
    let second = gateway.chat(&equal);
    assert_eq!((state(&first), state(&second)), ("MISS", "HIT"));
    assert_eq!((first.header("age"), second.header("age")), ("", "0"));
    assert_eq!(second.header("x-tollgate-cost-usd"), Usd::ZERO.to_string());
    assert_eq!(second.header("x-tollgate-attempts"), "0");
    for name in ["x-tollgate-provider", "x-tollgate-model"] {
        assert_eq!(second.header(name), first.header(name));
    }
    let id = |answer: &Answer| answer.header("x-tollgate-request-id").to_owned();
    assert_ne!(id(&first), id(&second));
    assert_eq!(without_cost(&first), without_cost(&second));
    assert_eq!(second.json()["usage"]["cost"], 0.0);
    assert_eq!(upstream.requests().len(), 1);
    let spent = gateway.budget().spent;
    let events = gateway.close();
    let [paid, hit] = &events[..] else { panic!("{events:?}") };
    assert_eq!((paid.cache.state, paid.cache.saved), (CacheState::Miss, None));
    assert_eq!((hit.cache.state, hit.cache.saved), (CacheState::Hit, paid.cost.billed));
    assert_eq!(Some(spent), paid.cost.billed);
    assert_eq!(hit.decision.reason, Some(format!("cache:{}", id(&first))));
    assert_eq!((hit.ids.attempt, hit.ids.request_id.to_string()), (0, id(&second)));
    assert!(hit.decision.is_final && !hit.decision.is_waste);
    assert_eq!((hit.outcome.status, hit.outcome.error), (Some(200), None));
    assert_eq!(hit.outcome.finish_reason, paid.outcome.finish_reason);
    let zero = Some(Usd::ZERO);
    assert_eq!((hit.cost.billed, hit.cost.list, hit.cost.contract), (zero, zero, zero));
    assert_eq!(hit.cost.usage_source, UsageSource::None);
    assert_eq!(hit.meters.iter().count(), 0);
    assert_eq!(hit.model, paid.model);
    assert_eq!(hit.call.response_bytes, second.text.len() as u64);
}

#[test]
fn a_stream_is_replayed_as_a_stream_with_its_usage_at_no_cost() {
    let simulator = simulator();
    for route in ["openai", "anthropic"] {
        let mut setup = Setup::of(&simulator);
        for route in &mut setup.routes {
            route.cache = Some(CachePolicy { ttl_ms: HOUR_MS });
        }
        let gateway = setup.start();
        let quiet = ask_stream(route);
        let mut telling = quiet.clone();
        telling["stream_options"] = json!({"include_usage": true});
        for body in [&quiet, &telling] {
            let (first, again) = (gateway.chat(body), gateway.chat(body));
            assert_eq!((state(&first), state(&again)), ("MISS", "HIT"));
            assert_eq!(again.header("content-type"), first.header("content-type"));
            assert!(first.is_done() && again.is_done(), "{}", again.text);
            assert_eq!(first.streamed_text(), again.streamed_text());
            let (mut first, mut again) = (first.events(), again.events());
            let usage = again.last_mut().and_then(|event| event.get_mut("usage")?.as_object_mut());
            assert_eq!(usage.is_some(), *body == telling);
            if let Some(usage) = usage {
                assert_eq!(usage.remove("cost"), Some(json!(0.0)));
                let paid = first.last_mut().unwrap()["usage"].as_object_mut().unwrap();
                assert!(paid.remove("cost").is_some_and(|cost| cost != 0.0));
            }
            assert_eq!(first, again);
        }
        // A plain request of the same words is another one.
        assert_eq!(state(&gateway.chat(&ask(route))), "MISS");
        gateway.close();
    }
}

#[test]
fn a_client_may_go_around_the_cache_in_either_direction() {
    let upstream = provider();
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    assert_eq!(
        states(
            &gateway,
            &["no-store", "", "no-store", "no-cache", "", "namespace=n", "namespace=n"]
        ),
        ["BYPASS", "MISS", "BYPASS", "BYPASS", "HIT", "MISS", "HIT"]
    );
    assert_eq!(upstream.requests().len(), 5);
    // What `no-cache` brought is what is kept.
    let events = gateway.close();
    let refreshed = events[3].ids.request_id;
    assert_eq!(events[4].decision.reason, Some(format!("cache:{refreshed}")));
    let bypassed = events.iter().filter(|event| event.cache.state == CacheState::Bypass).count();
    assert_eq!(bypassed, 3);
}

#[test]
fn other_gateways_ways_of_asking_work_and_stay_here() {
    let upstream = provider();
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    gateway.chat(&ask("raw"));
    for (name, value, expected) in [
        ("x-portkey-cache-namespace", "n", "MISS"),
        ("x-portkey-cache-force-refresh", "true", "BYPASS"),
        ("helicone-cache-enabled", "false", "BYPASS"),
        ("cache-control", "no-cache", "BYPASS"),
        ("cache-control", "max-age=60", "HIT"),
    ] {
        let answer = gateway.chat_with(&ask("raw"), &[(name, value)]);
        assert_eq!(state(&answer), expected, "{name}: {value}");
    }
    for (asked, expected) in [
        (json!({"no-cache": true}), "BYPASS"),
        (json!({"no-store": true}), "BYPASS"),
        (json!({"namespace": "n"}), "HIT"),
        (json!({"ttl": 60, "s-maxage": 60}), "HIT"),
    ] {
        let mut body = ask("raw");
        body["cache"] = asked.clone();
        assert_eq!(state(&gateway.chat(&body)), expected, "{asked}");
    }
    for heard in upstream.requests() {
        assert_eq!(heard.json().get("cache"), None);
    }
    gateway.close();
}

#[test]
fn what_is_no_request_of_the_cache_is_told_by_name_and_sent_to_nobody() {
    let upstream = provider();
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    let bad = gateway.chat_with(&ask("raw"), &[(HEADER, "ttl=soon")]);
    assert_eq!((bad.status, bad.code().as_str()), (400, "invalid_cache_control"));
    assert_eq!(bad.json()["error"]["param"], HEADER);
    let mut body = ask("raw");
    body["cache"] = json!({"ttl": "soon"});
    let bad = gateway.chat(&body);
    assert_eq!((bad.status, &bad.json()["error"]["param"]), (400, &"cache".into()));
    assert_eq!(upstream.connections(), 0);
    gateway.close();
}

#[test]
fn an_answer_is_forgotten_after_the_routes_time_or_the_requests_own() {
    let upstream = provider();
    let gateway = cached(&upstream.base_url(), 1_000).start();
    assert_eq!(states(&gateway, &["", ""]), ["MISS", "HIT"]);
    eventually("it is forgotten", || states(&gateway, &[""]) == ["MISS"]);
    gateway.close();
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    assert_eq!(states(&gateway, &["ttl=1", ""]), ["MISS", "HIT"]);
    eventually("it is forgotten", || states(&gateway, &[""]) == ["MISS"]);
    gateway.close();
}

#[test]
fn tenants_never_share_and_keys_of_one_do() {
    let upstream = provider();
    let setup = cached(&upstream.base_url(), HOUR_MS);
    let (mut colleague, mut stranger) = (setup.key.clone(), setup.key.clone());
    colleague.id = KeyId::from_u128(43);
    (stranger.id, stranger.team) = (KeyId::from_u128(44), "ads".parse().unwrap());
    let mut barred = setup.key.clone();
    (barred.id, barred.routes) = (KeyId::from_u128(45), vec!["other".to_owned()]);
    let document = SnapshotDocument {
        keys: [("tg_owner", setup.key.clone()), ("tg_colleague", colleague)]
            .into_iter()
            .chain([("tg_stranger", stranger), ("tg_barred", barred)])
            .map(|(secret, key)| KeyEntry { hash: hash_secret(secret), key })
            .collect(),
        ..setup.document()
    };
    let gateway = setup.start();
    let in_force = gateway::InForce::compile(&document, None, &crate::setup::local()).unwrap();
    let now = gateway.engine.accounting.clock.now();
    gateway.engine.current.replace(in_force, gateway::Origin::Source, now);
    let ask_as = |secret: &str| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(gateway.url("/v1/chat/completions")).bearer_auth(secret);
        let answer = wait(send(request.json(&ask("raw")))).unwrap();
        (answer.status, state(&answer).to_owned())
    };
    for (secret, expected) in [
        ("tg_owner", (200, "MISS")),
        ("tg_colleague", (200, "HIT")),
        ("tg_stranger", (200, "MISS")),
        ("tg_stranger", (200, "HIT")),
        ("tg_barred", (403, "")),
        ("tg_nobody", (401, "")),
    ] {
        assert_eq!(ask_as(secret), (expected.0, expected.1.to_owned()), "{secret}");
    }
    gateway.close();
}

#[test]
fn fifty_equal_requests_at_once_are_one_flight() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        gate.lock().unwrap().recv().unwrap();
        respond(stream, 200, "", &completion())
    });
    let gateway = cached(&upstream.base_url(), HOUR_MS).budget("1000").start();
    let mut clients: Vec<_> = (0..50).map(|_| RawClient::connect(gateway.address)).collect();
    for client in &mut clients {
        client.chat(&ask("raw"));
    }
    eventually("all are under way", || gateway.engine.drain.in_flight() == 50);
    upstream.heard(1);
    go.send(()).unwrap();
    let answers: Vec<_> = clients.iter_mut().map(RawClient::read_answer).collect();
    assert!(answers.iter().all(|answer| answer.status == 200));
    let hits = answers.iter().filter(|answer| answer.header(HEADER) == Some("hit")).count();
    assert_eq!((hits, upstream.requests().len()), (49, 1));
    drop(clients);
    let events = gateway.close();
    assert_eq!(events.iter().filter(|event| event.ids.attempt == 1).count(), 1);
    assert_eq!(events.len(), 50);
}

#[test]
fn when_the_first_fails_the_others_go_on_their_own() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        let is_first = gate.lock().unwrap().recv().is_ok();
        match is_first {
            true => respond(stream, 400, "", r#"{"error":{"message":"no"}}"#),
            false => respond(stream, 200, "", &completion()),
        }
    });
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    let mut first = RawClient::connect(gateway.address);
    first.chat(&ask("raw"));
    upstream.heard(1);
    let mut others: Vec<_> = (0..5).map(|_| RawClient::connect(gateway.address)).collect();
    for client in &mut others {
        client.chat(&ask("raw"));
    }
    eventually("all are under way", || gateway.engine.drain.in_flight() == 6);
    go.send(()).unwrap();
    drop(go);
    let failed = first.read_answer();
    assert_eq!((failed.status, failed.header(HEADER)), (400, Some("miss")));
    assert!(others.iter_mut().all(|client| client.read_answer().status == 200));
    assert_eq!(state(&gateway.chat(&ask("raw"))), "HIT");
    drop((first, others));
    gateway.close();
}

#[test]
fn nobody_waits_for_an_equal_request_longer_than_for_a_first_byte() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |heard, stream| {
        if heard.index == 0 && gate.lock().unwrap().try_recv().is_err() {
            let _ = begin_stream(stream).and_then(|()| chunk(stream, &delta("one ")));
            until_closed(stream);
            return Then::Close;
        }
        stream_all(stream)
    });
    let setup = cached(&upstream.base_url(), HOUR_MS);
    let gateway = setup.tune(|provider| provider.ttfb_timeout_ms = 400).start();
    let mut first = RawClient::connect(gateway.address);
    first.chat(&ask_stream("raw"));
    first.read_until("one ");
    go.send(()).unwrap();
    // The first is answered still, and for as long as it likes.
    let second = gateway.chat(&ask_stream("raw"));
    assert_eq!((state(&second), second.is_done()), ("MISS", true));
    assert_eq!(state(&gateway.chat(&ask_stream("raw"))), "HIT");
    drop(first);
    assert_eq!(gateway.close().len(), 3);
}

#[test]
fn when_the_first_client_leaves_nobody_is_stranded() {
    let upstream = RawUpstream::start(|heard, stream| {
        // What has a seed is never answered.
        match heard.json()["seed"].is_null() {
            true => respond(stream, 200, "", &completion()),
            false => {
                until_closed(stream);
                Then::Close
            }
        }
    });
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    let mut body = ask("raw");
    body["seed"] = 1.into();
    let mut first = RawClient::connect(gateway.address);
    first.chat(&body);
    upstream.heard(1);
    let mut second = RawClient::connect(gateway.address);
    second.chat(&body);
    eventually("both are under way", || gateway.engine.drain.in_flight() == 2);
    drop(first);
    // The one that waited has been sent.
    upstream.heard(2);
    drop(second);
    upstream.all_closed();
    assert_eq!(gateway.chat(&ask("raw")).status, 200);
    gateway.close();
}

#[test]
fn a_client_that_leaves_while_it_waits_disturbs_nobody() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        gate.lock().unwrap().recv().unwrap();
        respond(stream, 200, "", &completion())
    });
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    let mut first = RawClient::connect(gateway.address);
    first.chat(&ask("raw"));
    upstream.heard(1);
    let mut second = RawClient::connect(gateway.address);
    second.chat(&ask("raw"));
    eventually("both are under way", || gateway.engine.drain.in_flight() == 2);
    drop(second);
    eventually("it is gone", || gateway.engine.drain.in_flight() == 1);
    go.send(()).unwrap();
    assert_eq!(first.read_answer().status, 200);
    drop(first);
    assert_eq!((upstream.requests().len(), gateway.close().len()), (1, 1));
}

#[test]
fn an_answer_cut_for_want_of_money_is_not_kept_and_a_whole_one_is() {
    let cut = completion().replace(r#""stop""#, r#""length""#);
    for (body, expected) in [(cut, "MISS"), (completion(), "HIT")] {
        let upstream = RawUpstream::start(move |_, stream| respond(stream, 200, "", &body));
        let gateway = cached(&upstream.base_url(), HOUR_MS).budget("0.05").start();
        let first = gateway.chat(&ask("raw"));
        assert_eq!(first.header("x-tollgate-max-tokens"), "1024");
        assert_eq!(state(&gateway.chat(&ask("raw"))), expected);
        gateway.close();
    }
    // The client's own limit is part of its question.
    let cut = completion().replace(r#""stop""#, r#""length""#);
    let upstream = RawUpstream::start(move |_, stream| respond(stream, 200, "", &cut));
    let gateway = cached(&upstream.base_url(), HOUR_MS).budget("1000").start();
    let mut body = ask("raw");
    body["max_tokens"] = 10.into();
    gateway.chat(&body);
    assert_eq!(state(&gateway.chat(&body)), "HIT");
    gateway.close();
}

#[test]
fn a_stream_that_broke_is_not_kept() {
    let upstream = RawUpstream::start(|_, stream| {
        let _ = begin_stream(stream).and_then(|()| chunk(stream, &delta("one ")));
        Then::Close
    });
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    for _ in 0..2 {
        let answer = gateway.chat(&ask_stream("raw"));
        assert_eq!((state(&answer), answer.is_done()), ("MISS", false));
    }
    gateway.close();
}

#[test]
fn what_is_too_large_is_not_kept_and_its_waiters_go_on_their_own() {
    let large = completion().replace("one two", &"x".repeat(1 << 20));
    let upstream = RawUpstream::start(move |_, stream| respond(stream, 200, "", &large));
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    assert_eq!(states(&gateway, &["", ""]), ["MISS", "MISS"]);
    gateway.close();
    let upstream = provider();
    let mut small = cached(&upstream.base_url(), HOUR_MS);
    small.cache_bytes_max = 100;
    let gateway = small.start();
    assert_eq!(states(&gateway, &["", ""]), ["MISS", "MISS"]);
    gateway.close();
}

#[test]
fn without_memory_for_it_or_a_route_that_asks_there_is_no_cache() {
    let upstream = provider();
    let mut none = cached(&upstream.base_url(), HOUR_MS);
    none.cache_bytes_max = 0;
    for setup in [none, Setup::raw(&upstream.base_url())] {
        let gateway = setup.start();
        assert_eq!(states(&gateway, &["", ""]), ["", ""]);
        let events = gateway.close();
        assert!(events.iter().all(|event| event.cache.state == CacheState::Off));
    }
    assert_eq!(upstream.requests().len(), 4);
}

#[test]
fn an_exhausted_budget_refuses_a_new_question_and_not_a_known_one() {
    let upstream = provider();
    // Pays for one answer, not for two.
    let gateway = cached(&upstream.base_url(), HOUR_MS).budget("0.00475").start();
    let mut body = ask("raw");
    body["max_tokens"] = 1024.into();
    assert_eq!(state(&gateway.chat(&body)), "MISS");
    let mut other = body.clone();
    for seed in 0.. {
        other["seed"] = seed.into();
        let answer = gateway.chat(&other);
        assert_eq!(state(&answer), "MISS");
        if answer.status == 402 {
            break;
        }
    }
    let spent = gateway.budget().spent;
    let known = gateway.chat(&body);
    assert_eq!((known.status, state(&known)), (200, "HIT"));
    assert_eq!(gateway.budget().spent, spent);
    gateway.close();
}

#[test]
fn a_route_that_leads_elsewhere_by_now_gives_new_answers() {
    let upstream = provider();
    let setup = cached(&upstream.base_url(), HOUR_MS);
    let mut document = setup.document();
    let gateway = setup.start();
    assert_eq!(states(&gateway, &["", ""]), ["MISS", "HIT"]);
    assert_eq!(document.routes[0].targets[0].model, OPENAI_MODEL);
    document.routes[0].targets[0].model = "gpt-5.4-nano".to_owned();
    let in_force = gateway::InForce::compile(&document, None, &crate::setup::local()).unwrap();
    let now = gateway.engine.accounting.clock.now();
    gateway.engine.current.replace(in_force, gateway::Origin::Source, now);
    assert_eq!(states(&gateway, &["", ""]), ["MISS", "HIT"]);
    gateway.close();
}

#[test]
fn what_the_cache_does_is_counted() {
    let upstream = provider();
    let gateway = cached(&upstream.base_url(), HOUR_MS).start();
    states(&gateway, &["", "", "no-store"]);
    let metrics = wait(send(gateway.request("GET", "/metrics"))).unwrap().text;
    for line in [
        r#"tollgate_cache_total{state="hit"}"#,
        r#"tollgate_cache_total{state="miss"}"#,
        r#"tollgate_cache_total{state="bypass"}"#,
        "tollgate_cache_bytes",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    gateway.close();
}
