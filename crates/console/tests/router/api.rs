//! The admin API: signing in, problems, pages, changes asked for twice, and every resource.

use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use store::{Actor, DeliveryKind, Failure, NewDelivery, NewIncident, Role, SecretHash, Severity};

use crate::bench::{Bench, DECLARED};
use crate::browser::{PUBLIC_URL, SESSION};
use crate::sample::{self, NOW};

fn good() -> Value {
    json!({"name": "Indexer", "team": "search", "allowed_models": ["fast"]})
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_key_is_made_shown_rotated_and_revoked_with_the_session_s_token() {
    let bench = Bench::new().await;
    let made = bench.call(Method::POST, "/api/v1/keys", SESSION, Some(&good())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.header("cache-control"), "no-store");
    let body = parsed(&made.body);
    let id = body["key"]["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/api/v1/keys/{id}"));
    let hash = SecretHash::of(body["secret"].as_str().unwrap());
    assert!(bench.store.keys().find_by_hash(&hash).await.unwrap().is_some());

    let shown = bench.get(&format!("/api/v1/keys/{id}")).await;
    assert_eq!(shown, body["key"]);
    assert_eq!(shown["owner"]["team"], "search");
    assert_eq!(shown["created_at"], "2026-11-22T16:30:00Z");
    assert!(!shown.to_string().contains(body["secret"].as_str().unwrap()));

    let rotate = format!("/api/v1/keys/{id}/rotate");
    let grace = json!({"grace_seconds": 60});
    let rotated = bench.call(Method::POST, &rotate, SESSION, Some(&grace)).await;
    assert_eq!(rotated.status, StatusCode::CREATED, "{}", rotated.body);
    let new = parsed(&rotated.body);
    assert_eq!(new["key"]["replaces"], id);
    let old = bench.get(&format!("/api/v1/keys/{id}")).await;
    assert_eq!(old["expires_at"], "2026-11-22T16:31:00Z");

    let revoke = format!("/api/v1/keys/{}/revoke", new["key"]["id"].as_str().unwrap());
    let revoked = parsed(&bench.call(Method::POST, &revoke, SESSION, None).await.body);
    assert_eq!((&revoked["is_active"], revoked["revoked_at"].is_string()), (&json!(false), true));
    let entry = bench.store.audit().list(None, 1).await.unwrap().remove(0);
    let session = bench.get("/api/v1/session").await;
    assert_eq!(json!(entry.actor), session["id"], "the log names the session");
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_stable_type_whatever_is_accepted() {
    let bench = Bench::new().await;
    bench.browser.access.add_role("vi", Role::Viewer, None);
    let huge = json!({"name": "x".repeat(1024 * 1024), "team": "search"});
    let (get, post) = (Method::GET, Method::POST);
    let declared = format!("/api/v1/keys/{DECLARED}/revoke");
    let cases: [(&Method, &str, &str, Value, u16, &str); 12] = [
        (&get, "/api/v1/keys", "no-token", json!(null), 401, "not-signed-in"),
        (&get, "/api/v1/keys", "vi", json!(null), 403, "role-not-allowed"),
        (&get, "/api/v1/keys/key_x", SESSION, json!(null), 404, "not-found"),
        (&get, "/api/v1/nothing", SESSION, json!(null), 404, "not-found"),
        (&Method::DELETE, "/api/v1/keys", SESSION, json!(null), 405, "method-not-allowed"),
        (&get, "/api/v1/keys?limit=0", SESSION, json!(null), 400, "malformed-request"),
        (&get, "/api/v1/keys?cursor=x", SESSION, json!(null), 400, "malformed-request"),
        (&post, "/api/v1/keys", SESSION, json!("text"), 400, "malformed-request"),
        (
            &post,
            "/api/v1/keys",
            SESSION,
            json!({"name": "x", "team": "search", "tem": 1}),
            400,
            "malformed-request",
        ),
        (
            &post,
            "/api/v1/keys",
            SESSION,
            json!({"name": "", "team": "search"}),
            422,
            "invalid-fields",
        ),
        (&post, "/api/v1/keys", SESSION, huge, 413, "body-too-large"),
        (&post, &declared, SESSION, json!(null), 409, "declared-in-file"),
    ];
    for (method, address, session, body, status, kind) in cases {
        let request = Request::builder().method(method).uri(address);
        let request = request.header("authorization", format!("Bearer {session}"));
        let request = request.header("accept", "text/html");
        let answer = bench.send(request, (!body.is_null()).then_some(&body)).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {address}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{address}");
        let problem = parsed(&answer.body);
        assert_eq!(problem["type"], format!("urn:tollgate:problem:{kind}"), "{address}");
        assert_eq!(problem["status"], status, "{address}");
    }
}

#[tokio::test]
async fn each_field_that_is_wrong_is_pointed_at() {
    let bench = Bench::new().await;
    let body = json!({"name": "a\u{202e}b", "team": "search", "project": "A B",
                      "expires_at": "2020-01-01T00:00:00Z"});
    let answer = bench.call(Method::POST, "/api/v1/keys", SESSION, Some(&body)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    let errors = parsed(&answer.body)["errors"].clone();
    let pointers: Vec<&Value> = errors.as_array().unwrap().iter().map(|e| &e["pointer"]).collect();
    assert_eq!(pointers, ["#/name", "#/project", "#/expires_at"]);
    let grace = json!({"grace_seconds": 2_592_001});
    let (key, _) = bench.key("search", "k").await;
    let address = format!("/api/v1/keys/{}/rotate", key.id);
    let answer = bench.call(Method::POST, &address, SESSION, Some(&grace)).await;
    assert_eq!(parsed(&answer.body)["errors"][0]["pointer"], "#/grace_seconds");
}

#[tokio::test]
async fn a_cookie_changes_nothing_without_the_session_s_token_from_here() {
    let bench = Bench::new().await;
    let token = format!("csrf-of-{SESSION}");
    let cases: [(&[(&str, &str)], StatusCode); 6] = [
        (&[], StatusCode::FORBIDDEN),
        (&[("origin", PUBLIC_URL)], StatusCode::FORBIDDEN),
        (&[("x-csrf-token", "csrf-of-another")], StatusCode::FORBIDDEN),
        (&[("x-csrf-token", &token), ("origin", "http://evil.test")], StatusCode::FORBIDDEN),
        (&[("x-csrf-token", &token), ("origin", "null")], StatusCode::FORBIDDEN),
        (&[("x-csrf-token", &token)], StatusCode::CREATED),
    ];
    for (headers, expected) in cases {
        let answer = bench.post_with_cookie("/api/v1/keys", headers, &good()).await;
        assert_eq!(answer.status, expected, "{headers:?}: {}", answer.body);
    }
    // A bearer token is never sent by a browser by itself; a bad one is not made good by a cookie.
    let bad = [("authorization", "Bearer nonsense"), ("x-csrf-token", &*token)];
    let answer = bench.post_with_cookie("/api/v1/keys", &bad, &good()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
    let session = bench.get("/api/v1/session").await;
    assert_eq!(session["csrf_token"], token);
}

#[tokio::test]
async fn a_change_asked_for_twice_is_made_once() {
    let bench = Bench::new().await;
    let token = format!("csrf-of-{SESSION}");
    let headers = [("x-csrf-token", &*token), ("idempotency-key", "k-1")];
    let first = bench.post_with_cookie("/api/v1/keys", &headers, &good()).await;
    let second = bench.post_with_cookie("/api/v1/keys", &headers, &good()).await;
    assert_eq!((second.status, &second.body), (StatusCode::CREATED, &first.body));
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(first.header("idempotent-replayed"), "");

    let other = json!({"name": "Other", "team": "search"});
    let reused = bench.post_with_cookie("/api/v1/keys", &headers, &other).await;
    assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reused.body);
    assert!(reused.body.contains("idempotency-key-reused"), "{}", reused.body);
    let keys = bench.store.keys().list(&store::KeyFilter::default()).await.unwrap();
    assert_eq!(keys.len(), 1);

    // What failed changed nothing: the corrected request may use its key.
    let headers = [("x-csrf-token", &*token), ("idempotency-key", "k-2")];
    let failed = bench
        .post_with_cookie("/api/v1/keys", &headers, &json!({"name": "", "team": "search"}))
        .await;
    assert_eq!(failed.status, StatusCode::UNPROCESSABLE_ENTITY);
    let corrected = bench.post_with_cookie("/api/v1/keys", &headers, &good()).await;
    assert_eq!(corrected.status, StatusCode::CREATED, "{}", corrected.body);
    for key in ["", &"k".repeat(129)] {
        let headers = [("x-csrf-token", &*token), ("idempotency-key", key)];
        let answer = bench.post_with_cookie("/api/v1/keys", &headers, &good()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key}");
    }
}

#[tokio::test]
async fn a_list_is_read_to_its_end_by_its_cursors() {
    let bench = Bench::new().await;
    let mut expected = vec![DECLARED.to_string()];
    for i in 0..5 {
        let team = if i % 2 == 0 { "growth" } else { "search" };
        expected.push(bench.key(team, &format!("k{i}")).await.0.id.to_string());
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = bench.get(&format!("/api/v1/keys?limit=2{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        seen.extend(items.iter().map(|key| key["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    let growth = bench.get("/api/v1/keys?team=growth").await;
    assert_eq!(growth["items"].as_array().unwrap().len(), 4, "{growth}");
    assert_eq!(growth["items"][0]["kept_in"], "file");
}

#[tokio::test]
async fn amounts_are_exact_decimals_with_their_currency() {
    let bench = Bench::new().await;
    let budgets = bench.get("/api/v1/budgets").await;
    let growth = &budgets["items"][1];
    assert_eq!(growth["spent"], json!({"amount": "301.188821", "currency": "USD"}));
    assert_eq!(growth["left"]["amount"], "14.611179");
    assert_eq!((&growth["scope"], &growth["window"]), (&json!("team:growth"), &json!("month")));
    assert_eq!(growth["leases"][0]["settled"]["amount"], "21.50");

    let list = bench.get("/api/v1/statements?limit=3").await;
    assert_eq!(list["items"][2]["team"], "search");
    assert_eq!(list["items"][2]["is_draft"], true);
    let address = list["items"][2]["href"].as_str().unwrap();
    let shown = bench.get(address).await;
    let statement = sample::statement("search", "2026-11");
    assert_eq!(shown["currency"], "USD");
    assert_eq!(shown["digest"], json!(statement.digest));
    assert_eq!(shown["totals"]["cost"], json!(statement.totals.figures.cost));
    assert!(shown["totals"]["cost"].is_string(), "{shown}");
    assert_eq!(shown["basis"]["generated_at"], "2026-11-22T16:30:00Z");
    assert_eq!(shown["lines"].as_array().unwrap().len(), statement.lines.len());
    let too_long = "/api/v1/statements?from=2020-01";
    let answer = bench.call(Method::GET, too_long, SESSION, None).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
}

async fn incident(bench: &Bench, team: Option<&str>) -> store::Incident {
    let seen = NewIncident {
        key: format!("budget_threshold/{team:?}"),
        kind: "budget_threshold".to_owned(),
        severity: Severity::Warning,
        subject: "team:x".to_owned(),
        team: team.map(|team| team.parse().unwrap()),
        headline: "80 % of <b>a</b> budget".to_owned(),
        figures: json!({"spent_usd": "80.00"}),
        at: NOW,
    };
    bench.store.incidents().open_or_update(&seen).await.unwrap().0
}

async fn dead_delivery(bench: &Bench, incident: &store::Incident) -> store::Delivery {
    let new = NewDelivery {
        incident: Some(incident.id),
        channel: "finance".to_owned(),
        kind: DeliveryKind::Slack,
        payload: json!({}),
        dedupe_key: incident.key.clone(),
    };
    let outbox = bench.store.outbox();
    outbox.enqueue(&new).await.unwrap().unwrap();
    let claimed = outbox.claim(NOW, 1, 1_000).await.unwrap().remove(0);
    let failure = Failure { error: "500".to_owned(), status: Some(500) };
    assert!(outbox.dead(&claimed, &failure).await.unwrap());
    outbox.get(claimed.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn incidents_and_deliveries_are_listed_by_team_and_sent_again() {
    let bench = Bench::new().await;
    let (growth, whole) = (incident(&bench, Some("growth")).await, incident(&bench, None).await);
    let letter = dead_delivery(&bench, &growth).await;
    let other = dead_delivery(&bench, &whole).await;
    let all = bench.get("/api/v1/incidents?open_only=true").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "{all}");
    assert_eq!(
        bench.get("/api/v1/deliveries?state=dead").await["items"].as_array().unwrap().len(),
        2
    );

    bench.browser.access.add_role("gus", Role::Admin, Some("growth"));
    let mine = bench.call(Method::GET, "/api/v1/deliveries", "gus", None).await;
    let mine = parsed(&mine.body);
    assert_eq!(mine["items"].as_array().unwrap().len(), 1, "{mine}");
    assert_eq!(mine["items"][0]["id"], letter.id.to_string());
    let (get, post) = (Method::GET, Method::POST);
    for (method, address, expected) in [
        (&get, format!("/api/v1/incidents/{}", growth.id), StatusCode::OK),
        (&get, format!("/api/v1/incidents/{}", whole.id), StatusCode::NOT_FOUND),
        (&get, format!("/api/v1/deliveries?incident={}", whole.id), StatusCode::NOT_FOUND),
        (&post, format!("/api/v1/incidents/{}/acknowledge", whole.id), StatusCode::NOT_FOUND),
        (&post, format!("/api/v1/incidents/{}/acknowledge", growth.id), StatusCode::OK),
        (&post, format!("/api/v1/deliveries/{}/replay", other.id), StatusCode::NOT_FOUND),
        (&post, format!("/api/v1/deliveries/{}/replay", letter.id), StatusCode::OK),
        (&post, "/api/v1/deliveries/dlv_x/replay".to_owned(), StatusCode::NOT_FOUND),
    ] {
        let answer = bench.call(method.clone(), &address, "gus", None).await;
        assert_eq!(answer.status, expected, "{address}: {}", answer.body);
    }
    let again = bench.store.outbox().get(letter.id).await.unwrap().unwrap();
    assert_eq!(again.state.as_str(), "pending");
    let kept = bench.store.incidents().acknowledge(growth.id, &Actor::Cli).await.unwrap();
    assert!(kept.attention.acknowledged_by.unwrap().starts_with("ses_"), "the first stays");
}
