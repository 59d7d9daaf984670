//! What operators and clients see beside answers: probes, models, headers.

use std::collections::HashSet;

use crate::harness::{
    Answer, Gateway, OPENAI_MODEL, Setup, ask, ask_stream, send, simulator, wait,
};

fn get(gateway: &Gateway, path: &str) -> Answer {
    wait(send(gateway.request("GET", path))).unwrap()
}

#[test]
fn probes_tell_whether_the_gateway_lives_and_can_serve() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    assert_eq!(get(&gateway, "/healthz").json()["status"], "ok");
    assert_eq!(get(&gateway, "/readyz").json()["ready"], true);
    let metrics = get(&gateway, "/metrics");
    assert!(metrics.text.contains("tollgate_requests_total"), "{}", metrics.text);
    assert!(metrics.header("content-type").starts_with("text/plain"));
    gateway.close();
}

#[test]
fn a_gateway_without_keys_or_about_to_stop_is_alive_but_not_ready() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.version = 0;
    let gateway = setup.start();
    assert_eq!(get(&gateway, "/healthz").status, 200);
    let ready = get(&gateway, "/readyz");
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (503, Some(false)));
    assert!(ready.text.contains("no snapshot"), "{}", ready.text);
    gateway.close();

    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let upstream = crate::raw_upstream::RawUpstream::start(move |_, stream| {
        gate.lock().unwrap().recv().unwrap();
        crate::raw_upstream::stream_all(stream)
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let mut client = crate::raw_client::RawClient::connect(gateway.address);
    client.chat(&ask_stream("raw"));
    upstream.heard(1);
    gateway.engine.drain.stop();
    let ready = get(&gateway, "/readyz");
    assert!(ready.status == 503 && ready.text.contains("stopping"), "{}", ready.text);
    assert_eq!(get(&gateway, "/healthz").status, 200);
    go.send(()).unwrap();
    client.read_until("[DONE]");
    gateway.stop();
}

#[test]
fn models_are_the_routes_the_key_may_use() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.key.routes = vec!["openai".to_owned(), "both".to_owned()];
    let gateway = setup.start();
    let list = get(&gateway, "/v1/models").json();
    assert_eq!(list["object"], "list");
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!(names, ["both", "openai"]);
    let without = wait(send(reqwest::Client::new().get(gateway.url("/v1/models")))).unwrap();
    assert_eq!(without.status, 401);
    gateway.close();
}

#[test]
fn answers_say_where_they_come_from_and_how_the_providers_limits_stand() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let mut ids = HashSet::new();
    for route in ["openai", "anthropic"] {
        for body in [ask(route), ask_stream(route)] {
            let answer = gateway.chat(&body);
            assert!(ids.insert(answer.header("x-tollgate-request-id").to_owned()));
            assert_eq!(answer.header("x-tollgate-provider"), route);
            assert_eq!(answer.header("x-tollgate-attempts"), "1");
            let is_limit =
                |name: &str| name.starts_with("x-upstream-") && name.contains("remaining");
            assert!(answer.headers.keys().any(|name| is_limit(name.as_str())), "{answer:?}");
            assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("openai-")));
            if body["stream"].as_bool() == Some(true) {
                assert!(answer.header("content-type").starts_with("text/event-stream"));
                assert_eq!(answer.header("cache-control"), "no-cache");
            } else {
                assert!(answer.header("x-tollgate-overhead-us").parse::<i64>().unwrap() >= 0);
            }
        }
    }
    let rows: HashSet<_> = gateway.close().iter().map(|e| e.ids.request_id.to_string()).collect();
    assert_eq!(rows, ids);
}

#[test]
fn a_provider_and_its_model_may_be_asked_for_by_name() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let answer = gateway.chat(&ask(&format!("openai/{OPENAI_MODEL}")));
    assert_eq!((answer.status, answer.header("x-tollgate-model")), (200, OPENAI_MODEL));
    assert_eq!(gateway.close()[0].decision.strategy.as_deref(), Some("direct"));
}
