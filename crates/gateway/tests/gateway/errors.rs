//! What clients are told when they, or their providers, are wrong.

use events::ErrorClass;
use serde_json::json;
use simulator::{Simulator, SimulatorOptions};
use units::Secret;

use crate::harness::{
    CLIENT_SECRET, PROVIDER_SECRET, Setup, ask, ask_stream, send, simulator, wait,
};
use crate::raw_upstream::{RawUpstream, respond};

#[test]
fn a_providers_word_on_the_clients_own_mistake_is_kept_and_no_other_is_asked() {
    for status in [400, 404, 422] {
        let simulator = simulator();
        simulator.set_fault("", &format!("status={status}")).unwrap();
        let gateway = Setup::of(&simulator).start();
        for route in ["both", "anthropic"] {
            for body in [ask(route), ask_stream(route)] {
                let answer = gateway.chat(&body);
                let error = &answer.json()["error"];
                assert_eq!(answer.status, status);
                assert_eq!(error["message"], format!("Simulated error {status}"));
                assert_eq!(answer.header("x-should-retry"), "false");
            }
        }
        let events = gateway.close();
        assert_eq!(events.len(), 4);
        for event in events {
            assert_eq!(event.outcome.error, Some(ErrorClass::InvalidRequest));
            assert_eq!(event.outcome.status, Some(status));
        }
    }
}

#[test]
fn a_rate_limited_client_is_told_when_to_come_back() {
    let simulator = simulator();
    simulator.set_fault("", "status=429&retry_after=7").unwrap();
    let gateway = Setup::of(&simulator).start();
    for body in [ask("openai"), ask_stream("anthropic")] {
        let answer = gateway.chat(&body);
        assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
        assert_eq!(answer.header("x-should-retry"), "true");
        assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    }
    gateway.close();
}

#[test]
fn a_provider_that_refuses_our_key_is_a_bad_gateway_and_the_key_stays_secret() {
    let talkative = RawUpstream::start(|heard, stream| {
        let key = heard.head.lines().find_map(|line| line.split_once("Bearer ")).unwrap().1;
        let body = json!({"error": {"message": format!("Incorrect API key provided: {key}"),
            "type": "invalid_request_error", "param": key, "code": key}});
        respond(stream, 401, "", &body.to_string())
    });
    let options = SimulatorOptions { keys: vec![Secret::new("another")], ..Default::default() };
    let strict = wait(Simulator::start(options)).unwrap();
    let gateway = Setup::of(&strict).and_raw(&talkative.base_url()).start();
    for route in ["raw", "openai", "anthropic", "both"] {
        for body in [ask(route), ask_stream(route)] {
            let answer = gateway.chat(&body);
            assert_eq!(answer.status, 502, "{}", answer.text);
            let told = format!("{} {:?}", answer.text, answer.headers);
            assert!(!told.contains(PROVIDER_SECRET) && !told.contains(CLIENT_SECRET), "{told}");
            assert!(!told.contains("Incorrect API key"), "{told}");
        }
    }
    gateway.close();
}

#[test]
fn the_clients_own_key_never_reaches_a_provider() {
    let upstream = RawUpstream::start(|_, stream| {
        respond(stream, 200, "", &crate::raw_upstream::completion())
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    assert_eq!(gateway.chat_with(&ask("raw"), &[("x-api-key", CLIENT_SECRET)]).status, 200);
    let heard = upstream.requests().remove(0);
    assert!(heard.head.contains(&format!("Bearer {PROVIDER_SECRET}")), "{}", heard.head);
    assert!(!heard.head.contains(CLIENT_SECRET), "{}", heard.head);
    gateway.close();
}

#[test]
fn mistakes_are_told_in_the_shape_official_clients_read() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator).route("hidden", &[("openai", "gpt-5.4")]);
    setup.key.routes = vec!["openai".to_owned()];
    let gateway = setup.start();
    let post = |body: &str| {
        let request = gateway.request("POST", "/v1/chat/completions");
        request.header("content-type", "application/json").body(body.to_owned())
    };
    let unknown_key = || {
        let request = gateway.request("POST", "/v1/chat/completions").json(&ask("openai"));
        let mut request = request.build().unwrap();
        request.headers_mut().insert("authorization", "Bearer tg_wrong".parse().unwrap());
        reqwest::RequestBuilder::from_parts(reqwest::Client::new(), request)
    };
    let no_key = || reqwest::Client::new().post(gateway.url("/v1/chat/completions")).body("{}");
    let text = gateway.request("POST", "/v1/chat/completions").header("content-type", "text/plain");
    for (request, status, code, kind) in [
        (post("{\"model\": oops"), 400, "invalid_json", "invalid_request_error"),
        (post(""), 400, "invalid_json", "invalid_request_error"),
        (post("{}"), 400, "missing_required_parameter", "invalid_request_error"),
        (post("{\"model\":5}"), 400, "invalid_value", "invalid_request_error"),
        (post("{\"model\":\"nowhere\"}"), 404, "model_not_found", "not_found_error"),
        (post("{\"model\":\"hidden\"}"), 403, "model_not_allowed", "permission_error"),
        (post("{\"model\":\"openai/gpt-5.4\"}"), 403, "model_not_allowed", "permission_error"),
        (text, 415, "unsupported_media_type", "invalid_request_error"),
        (unknown_key(), 401, "invalid_api_key", "authentication_error"),
        (no_key(), 401, "missing_api_key", "authentication_error"),
        (gateway.request("POST", "/v1/nothing"), 404, "path_not_found", "not_found_error"),
        (gateway.request("GET", "/"), 404, "path_not_found", "not_found_error"),
        (gateway.request("DELETE", "/healthz"), 404, "path_not_found", "not_found_error"),
        (
            gateway.request("GET", "/v1/chat/completions"),
            405,
            "method_not_allowed",
            "invalid_request_error",
        ),
        (
            gateway.request("PUT", "/v1/chat/completions").json(&ask("openai")),
            405,
            "method_not_allowed",
            "invalid_request_error",
        ),
        (gateway.request("POST", "/v1/models"), 405, "method_not_allowed", "invalid_request_error"),
    ] {
        let answer = wait(send(request)).unwrap();
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, error["code"].as_str()),
            (status, Some(code)),
            "{}",
            answer.text
        );
        assert_eq!(error["type"], kind, "{}", answer.text);
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert_eq!(error["request_id"], answer.header("x-tollgate-request-id"));
        assert!(answer.header("x-tollgate-request-id").starts_with("req_"));
        assert_eq!(answer.header("x-should-retry"), "false");
        assert!(!answer.text.contains("tg_wrong"), "{}", answer.text);
    }
    assert!(simulator.bill().requests.is_empty());
    // What had an owner is recorded, as attempt 0.
    let events = gateway.close();
    assert_eq!(events.len(), 8);
    assert!(events.iter().all(|event| event.ids.attempt == 0 && event.decision.is_final));
}

#[test]
fn a_head_request_gets_a_head_alone() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    for (path, status) in [("/healthz", 200), ("/nowhere", 404), ("/v1/chat/completions", 405)] {
        let answer = wait(send(gateway.request("HEAD", path))).unwrap();
        assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{path}");
    }
    assert!(gateway.close().is_empty());
}
