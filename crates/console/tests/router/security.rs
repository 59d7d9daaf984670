//! Headers, origins, forged cookies, hostile names.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::browser::{Browser, PUBLIC_URL, SESSION, signed_in};
use crate::sample;

const PAGES: [&str; 5] = [
    "/",
    "/?month=2026-10",
    "/statements",
    "/statements/team/search/2026-11",
    "/statements/team/search/2026-11.csv",
];

#[tokio::test]
async fn forced_browsing_without_a_session_shows_only_how_to_sign_in() {
    let browser = Browser::over_sample();
    for address in PAGES {
        let answer = browser.open_as_stranger(address).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{address}");
        assert!(answer.body.contains("<code>tollgate serve</code>"), "{address}");
        assert!(!answer.body.contains("search") && !answer.body.contains("Acme"), "{address}");
    }
}

#[tokio::test]
async fn a_tampered_cookie_is_no_session() {
    let browser = Browser::over_sample();
    let flipped = SESSION.replace('g', "h");
    let long = "a".repeat(4_000);
    for token in [flipped.as_str(), "", "good-session-toke", &long, "\u{fffd}"] {
        let request = Request::get("/").header("cookie", format!("tollgate_session={token}"));
        let answer = browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_and_pages_are_never_stored() {
    let browser = Browser::over_sample();
    let errors = ["/nowhere", "/healthz", "/login", "/login/x", "/?month=13"];
    for address in PAGES.into_iter().chain(errors) {
        let answer = browser.open(address).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{address} {name}");
        }
        let policy = answer.header("content-security-policy");
        for directive in ["form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(directive), "{address}");
        }
    }
}

#[tokio::test]
async fn a_form_from_another_site_is_refused_even_with_the_right_token() {
    let browser = Browser::over_sample();
    let form = format!("csrf=csrf-of-{SESSION}");
    let foreign = [None, Some("null"), Some("http://evil.test"), Some("http://127.0.0.1:4000")];
    for origin in foreign {
        let answer = browser.submit("/logout", origin, Some(SESSION), &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
        browser.access.add_link("link-1");
        let answer = browser.submit("/login/link-1", origin, None, "").await;
        assert_eq!((answer.status, answer.session()), (StatusCode::FORBIDDEN, None), "{origin:?}");
    }
    assert_eq!(browser.open("/").await.status, StatusCode::OK, "the session is still open");
}

#[tokio::test]
async fn a_form_without_its_session_s_token_is_refused() {
    let browser = Browser::over_sample();
    browser.access.add_session("other", units::UnixMicros::new(i64::MAX));
    for (form, expected) in [
        ("csrf=csrf-of-other", StatusCode::FORBIDDEN),
        ("csrf=", StatusCode::FORBIDDEN),
        ("", StatusCode::BAD_REQUEST),
        ("x=1", StatusCode::BAD_REQUEST),
    ] {
        let answer = browser.submit("/logout", Some(PUBLIC_URL), Some(SESSION), form).await;
        assert_eq!(answer.status, expected, "{form}");
    }
    assert_eq!(browser.open("/").await.status, StatusCode::OK, "the session is still open");
}

#[tokio::test]
async fn a_form_too_large_is_not_read() {
    let browser = Browser::over_sample();
    let form = format!("csrf={}", "a".repeat(100_000));
    let answer = browser.submit("/logout", Some(PUBLIC_URL), Some(SESSION), &form).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
}

#[tokio::test]
async fn hostile_names_are_text_and_nothing_else() {
    let browser = Browser::over_sample();
    for address in ["/", "/statements/team/search/2026-11"] {
        let body = browser.open(address).await.body;
        assert!(body.contains("&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;"), "{address}");
        assert!(body.contains("&#34; onload=&#34;y &#38;amp; \u{202e}evil</bdi>"), "{address}");
        for broken_out in ["<script>", "\" onload=\"", "<b>7"] {
            assert!(!body.contains(broken_out), "{address}: {broken_out}");
        }
        assert!(!body.contains("style="), "{address}: inline style would be blocked");
        assert!(body.contains("Acme &#38; Söhne"), "{address}");
    }
}

#[tokio::test]
async fn assets_are_served_under_their_own_hash_only() {
    let browser = Browser::over_sample();
    let page = browser.open("/").await.body;
    let linked: Vec<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(linked.len() >= 3, "{linked:?}");
    for address in linked {
        let answer = browser.open_as_stranger(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        let kind = answer.header("content-type");
        let kinds = ["text/css; charset=utf-8", "image/svg+xml", "text/javascript; charset=utf-8"];
        assert!(kinds.contains(&kind), "{address} {kind}");
        let (folder, name) = address.rsplit_once('/').unwrap();
        let hash = folder.rsplit('/').next().unwrap();
        for wrong in [
            format!("/assets/0000000000000000/{name}"),
            format!("/assets/{hash}/..%2f{name}"),
            format!("/assets/{hash}/..%2f..%2fCargo.toml"),
            format!("/assets/{hash}/%2fetc%2fpasswd"),
            format!("/assets/{hash}/../../templates/layout.html"),
            format!("/assets/..%2f{hash}/{name}"),
        ] {
            assert_eq!(browser.open(&wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
        }
    }
}

#[tokio::test]
async fn methods_a_page_does_not_take_are_refused_by_name() {
    let browser = Browser::over_sample();
    let request = signed_in(Request::post("/statements")).header("origin", PUBLIC_URL);
    let answer = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_ledger_that_is_down_is_told_without_its_insides_leaking_to_strangers() {
    let ledger = crate::sources::MemoryLedger { is_down: true, ..sample::ledger() };
    let browser = Browser::over(ledger, PUBLIC_URL);
    let page = browser.open("/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("goes on serving and metering"), "{}", page.body);
    let probe = browser.open_as_stranger("/readyz").await;
    assert_eq!(probe.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!probe.body.contains("disk gone"), "{}", probe.body);
    assert_eq!(browser.open_as_stranger("/healthz").await.status, StatusCode::OK);
}
