//! Who a request is for, as its row tells it: the key first, then what the client says, in any
//! gateway's words.

use events::UsageEvent;
use policy::ClientFields;
use serde_json::json;

use crate::harness::{Setup, ask, simulator};

fn tag<'a>(event: &'a UsageEvent, name: &str) -> Option<&'a str> {
    event.attribution.tags.get(name).map(String::as_str)
}

#[test]
fn headers_of_every_gateway_and_the_body_end_in_the_row() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let dialects: [&[(&str, &str)]; 4] = [
        &[
            ("x-tollgate-customer", "globex"),
            ("x-tollgate-user", "ada"),
            ("x-tollgate-session", "s-1"),
            ("x-tollgate-trace", "t-1"),
            ("x-tollgate-tags", "env=prod"),
        ],
        &[
            ("x-litellm-customer-id", "globex"),
            ("x-litellm-end-user-id", "ada"),
            ("x-litellm-trace-id", "t-1"),
            ("x-litellm-spend-logs-metadata", r#"{"session_id":"s-1","env":"prod"}"#),
        ],
        &[
            ("x-portkey-metadata", r#"{"_user":"ada","customer":"globex","env":"prod"}"#),
            ("x-portkey-trace-id", "t-1"),
            ("x-tollgate-session", "s-1"),
        ],
        &[
            ("helicone-user-id", "ada"),
            ("helicone-session-id", "s-1"),
            ("helicone-property-customer", "globex"),
            ("helicone-property-env", "prod"),
            ("x-litellm-trace-id", "t-1"),
        ],
    ];
    for headers in dialects {
        assert_eq!(gateway.chat_with(&ask("openai"), headers).status, 200);
    }
    let mut body = ask("openai");
    body["user"] = "ada".into();
    body["metadata"] =
        json!({"customer": "globex", "session": "s-1", "env": "prod", "tags": ["beta"]});
    assert_eq!(gateway.chat_with(&body, &[("x-tollgate-trace", "t-1")]).status, 200);
    let events = gateway.close();
    for event in &events {
        let who = &event.attribution;
        assert_eq!((who.organisation.as_str(), who.team.as_deref()), ("acme", Some("search")));
        assert_eq!(who.customer.as_deref(), Some("globex"), "{who:?}");
        assert_eq!(who.user.as_deref(), Some("ada"), "{who:?}");
        assert_eq!(tag(event, "env"), Some("prod"), "{who:?}");
        assert_eq!(event.ids.session_id.as_deref(), Some("s-1"), "{who:?}");
        assert_eq!(event.ids.trace_id.as_deref(), Some("t-1"), "{who:?}");
        assert_eq!(event.decision.route.as_deref(), Some("openai"));
    }
    assert_eq!(tag(&events[4], "beta"), Some("true"));
}

#[test]
fn what_the_key_is_bound_to_wins_and_what_it_forbids_is_dropped() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.key.user = Some("bound".to_owned());
    setup.key.feature = Some("ranking".to_owned());
    setup.key.project = Some("web".parse().unwrap());
    setup.key.client_may_set = ClientFields { tags: false, session: false, ..Default::default() };
    let gateway = setup.start();
    let mut body = ask("openai");
    body["user"] = "eve".into();
    let headers = [
        ("x-tollgate-user", "eve"),
        ("x-tollgate-feature", "other"),
        ("x-tollgate-customer", "globex"),
        ("x-tollgate-tags", "team=finance,env=prod"),
        ("x-tollgate-session", "s-1"),
    ];
    assert_eq!(gateway.chat_with(&body, &headers).status, 200);
    let event = gateway.close().remove(0);
    let who = &event.attribution;
    assert_eq!((who.team.as_deref(), who.project.as_deref()), (Some("search"), Some("web")));
    assert_eq!((who.user.as_deref(), who.feature.as_deref()), (Some("bound"), Some("ranking")));
    assert_eq!((who.customer.as_deref(), who.tags.len()), (Some("globex"), 0));
    assert_eq!(event.ids.session_id, None);
}

#[test]
fn any_header_an_sdk_would_use_carries_the_key() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    for name in ["x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key", "x-bf-vk"] {
        let request = reqwest::Client::new().post(gateway.url("/v1/chat/completions"));
        let request = request.header(name, crate::harness::CLIENT_SECRET).json(&ask("openai"));
        let answer = crate::harness::wait(crate::harness::send(request)).unwrap();
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
    gateway.close();
}
