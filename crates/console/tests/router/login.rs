//! Links, sessions, signing out.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use units::UnixMicros;

use crate::browser::{Browser, PUBLIC_URL, SESSION};
use crate::sample::{self, NOW};

#[tokio::test]
async fn a_login_link_works_once() {
    let browser = Browser::over_sample();
    browser.access.add_link("link-1");
    let first = browser.submit("/login/link-1", Some(PUBLIC_URL), None, "").await;
    assert_eq!((first.status, first.header("location")), (StatusCode::SEE_OTHER, "/"));
    let session = first.session().unwrap().to_owned();
    let cookie = first.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");

    let opened = Request::get("/").header("cookie", format!("tollgate_session={session}"));
    assert_eq!(browser.send(opened.body(Body::empty()).unwrap()).await.status, StatusCode::OK);

    let second = browser.submit("/login/link-1", Some(PUBLIC_URL), None, "").await;
    assert_eq!((second.status, second.session()), (StatusCode::UNAUTHORIZED, None));
    assert!(second.body.contains("no longer good"), "{}", second.body);
}

#[tokio::test]
async fn looking_at_a_login_link_does_not_use_it_up() {
    let browser = Browser::over_sample();
    browser.access.add_link("link-1");
    for _ in 0..2 {
        let shown = browser.open_as_stranger("/login/link-1").await;
        assert_eq!((shown.status, shown.session()), (StatusCode::OK, None));
        assert!(shown.body.contains("<form method=\"post\">"), "{}", shown.body);
        assert!(!shown.body.contains("link-1"), "the page must not repeat the token");
    }
    let used = browser.submit("/login/link-1", Some(PUBLIC_URL), None, "").await;
    assert_eq!(used.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_was_never_a_link_is_refused() {
    let browser = Browser::over_sample();
    for token in ["nonsense", &"x".repeat(4_000), "%2e%2e%2f", "%00"] {
        let answer = browser.submit(&format!("/login/{token}"), Some(PUBLIC_URL), None, "").await;
        assert_eq!((answer.status, answer.session()), (StatusCode::UNAUTHORIZED, None), "{token}");
    }
}

#[tokio::test]
async fn over_tls_the_cookie_is_secure_and_bound_to_the_host() {
    let browser = Browser::over(sample::ledger(), "https://costs.example.com");
    browser.access.add_link("link-1");
    let answer = browser.submit("/login/link-1", Some("https://costs.example.com"), None, "").await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-tollgate_session=") && cookie.contains("Secure"),
        "{cookie}"
    );
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn signing_out_ends_the_session_and_forgets_the_cookie() {
    let browser = Browser::over_sample();
    let form = format!("csrf=csrf-of-{SESSION}");
    let answer = browser.submit("/logout", Some(PUBLIC_URL), Some(SESSION), &form).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/login"));
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{:?}", answer.headers);
    assert_eq!(browser.open("/").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_past_its_time_is_refused_whatever_the_store_says() {
    let browser = Browser::over_sample();
    browser.access.add_session("old", NOW);
    browser.access.add_session("young", UnixMicros::new(NOW.get() + 1));
    for (token, expected) in [("old", StatusCode::UNAUTHORIZED), ("young", StatusCode::OK)] {
        let request = Request::get("/").header("cookie", format!("tollgate_session={token}"));
        let answer = browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, expected, "{token}");
    }
}
