//! Keys: made, shown once, rotated, revoked, and kept apart by team; hostile forms.

use axum::http::StatusCode;
use store::{Role, SecretHash};

use crate::bench::{Bench, DECLARED};
use crate::browser::{PUBLIC_URL, SESSION};
use crate::sample::NOW;

/// What the form sends for a good key.
const GOOD: &str = "once=f1&name=Indexer&team=search&project=ranking&user=ada&feature=answers\
                    &models=fast%2C+gpt-5.4&last_day=2026-12-31&trust_user=yes&trust_tags=yes";

/// The secret a page shows.
fn secret_of(page: &str) -> &str {
    let shown = page.split("<p class=\"secret\"><code>").nth(1).unwrap();
    shown.split('<').next().unwrap()
}

#[tokio::test]
async fn a_key_is_made_with_its_secret_shown_once_and_the_log_says_who_did_it() {
    let bench = Bench::new().await;
    let made = bench.form("/keys", SESSION, GOOD).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    assert_eq!(made.header("cache-control"), "no-store");
    let secret = secret_of(&made.body).to_owned();
    assert!(secret.starts_with("tg_"), "{secret}");

    let hash = SecretHash::of(&secret);
    let key = bench.store.keys().find_by_hash(&hash).await.unwrap().unwrap();
    assert_eq!((key.name.as_str(), key.owner.team.as_str()), ("Indexer", "search"));
    assert_eq!(key.access.allowed_models, ["fast", "gpt-5.4"]);
    assert_eq!(key.access.trust_client_attribution.len(), 2);
    assert_eq!(key.expires_at.unwrap().to_string(), "2027-01-01T00:00:00Z");

    let entry = bench.store.audit().list(None, 1).await.unwrap().remove(0);
    assert_eq!(entry.action, "key.create");
    assert!(entry.actor.starts_with("ses_"), "{}", entry.actor);

    for address in ["/keys".to_owned(), format!("/keys/{}", key.id)] {
        let page = bench.browser.open(&address).await.body;
        assert!(page.contains("Indexer") && page.contains(&key.prefix), "{address}\n{page}");
        assert!(!page.contains(&secret), "{address}");
    }
}

#[tokio::test]
async fn reloading_the_page_with_the_secret_makes_no_second_key() {
    let bench = Bench::new().await;
    let first = bench.form("/keys", SESSION, GOOD).await;
    let again = bench.form("/keys", SESSION, GOOD).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.body);
    let page = bench.browser.open(again.header("location")).await;
    assert!(page.body.contains("Indexer") && !page.body.contains(secret_of(&first.body)));
    let keys = bench.store.keys().list(&store::KeyFilter::default()).await.unwrap();
    assert_eq!(keys.len(), 1);
    // Another session's form of the same mark is another form.
    bench.browser.access.add_role("other", Role::Admin, None);
    let other = bench.form("/keys", "other", GOOD).await;
    assert_eq!(other.status, StatusCode::OK, "{}", other.body);
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_with_them_and_with_what_was_typed() {
    let bench = Bench::new().await;
    for (fields, shown) in [
        ("once=a&name=&team=search", "give it a name"),
        ("once=a&name=%3Cscript%3Ex&team=nobody", "value=\"&#60;script&#62;x\""),
        ("once=a&name=%3Cscript%3Ex&team=nobody", "use one of growth, platform, search"),
        ("once=a&name=x%E2%80%AEgpj&team=search", "marks of text direction"),
        ("once=a&name=x%00y&team=search", "control characters"),
        ("once=a&name=x&team=search&project=A+B", "starting with a letter or digit"),
        ("once=a&name=x&team=search&last_day=soon", "a day such as 2027-01-31"),
        ("once=a&name=x&team=search&last_day=2020-01-01", "this instant is over"),
        ("once=a&name=x&team=search&models=%1b%5b31m", "without control characters"),
    ] {
        let answer = bench.form("/keys", SESSION, fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}\n{}", answer.body);
        assert!(answer.body.contains(shown), "{fields}: {shown}\n{}", answer.body);
        assert!(answer.body.contains("role=\"alert\""), "{fields}");
        assert!(!answer.body.contains("<script>"), "{fields}");
    }
    let long = format!("once=a&team=search&name={}", "x".repeat(257));
    let answer = bench.form("/keys", SESSION, &long).await;
    assert!(answer.body.contains("at most 256 bytes"), "{}", answer.body);
    assert!(bench.store.keys().list(&store::KeyFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn names_that_would_be_markup_are_text_on_every_page() {
    let bench = Bench::new().await;
    let name = "<script>alert('x')</script>\" onload=\"y";
    let (key, _) = bench.key("search", name).await;
    let addresses = ["/keys".to_owned(), format!("/keys/{}", key.id), format!("/keys/{DECLARED}")];
    for address in addresses {
        let page = bench.browser.open(&address).await.body;
        for broken_out in ["<script>", "\" onload=\"", "<job>"] {
            assert!(!page.contains(broken_out), "{address}: {broken_out}\n{page}");
        }
    }
    let rotated = bench.form(&format!("/keys/{}/rotate", key.id), SESSION, "grace=day").await;
    assert!(!rotated.body.contains("<script>"), "{}", rotated.body);
}

#[tokio::test]
async fn changes_need_the_session_s_token_and_the_console_s_own_page() {
    let bench = Bench::new().await;
    let (key, _) = bench.key("search", "Indexer").await;
    let addresses = [
        "/keys".to_owned(),
        format!("/keys/{}/rotate", key.id),
        format!("/keys/{}/revoke", key.id),
    ];
    for address in &addresses {
        for (origin, token, expected) in [
            (Some("http://evil.test"), "csrf-of-good-session-token", StatusCode::FORBIDDEN),
            (None, "csrf-of-good-session-token", StatusCode::FORBIDDEN),
            (Some(PUBLIC_URL), "csrf-of-another", StatusCode::FORBIDDEN),
            (Some(PUBLIC_URL), "", StatusCode::FORBIDDEN),
        ] {
            let form = format!("csrf={token}&grace=day&{GOOD}");
            let answer = bench.browser.submit(address, origin, Some(SESSION), &form).await;
            assert_eq!(answer.status, expected, "{address} {origin:?}");
        }
        let form = format!("csrf=csrf-of-{SESSION}&grace=day&{GOOD}");
        let stranger = bench.browser.submit(address, Some(PUBLIC_URL), None, &form).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{address}");
        let huge = format!("name={}", "a".repeat(1024 * 1024));
        let answer = bench.form(address, SESSION, &huge).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{address}");
        assert!(answer.body.contains("Too much was sent"), "{}", answer.body);
    }
    let kept = bench.store.keys().list(&store::KeyFilter::default()).await.unwrap();
    assert_eq!(kept.len(), 1, "nothing was made");
    assert!(kept[0].is_active(NOW), "nothing was revoked");
}

#[tokio::test]
async fn a_rotated_key_gives_way_to_one_like_it_and_a_revoked_one_to_none() {
    let bench = Bench::new().await;
    let (old, _) = bench.key("search", "Indexer").await;
    let rotated = bench.form(&format!("/keys/{}/rotate", old.id), SESSION, "grace=hour").await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.body);
    let hash = SecretHash::of(secret_of(&rotated.body));
    let new = bench.store.keys().find_by_hash(&hash).await.unwrap().unwrap();
    assert_eq!((new.replaces, new.owner), (Some(old.id), old.owner.clone()));
    let left = bench.store.keys().find(old.id).await.unwrap().unwrap();
    assert_eq!(left.expires_at, Some(NOW.plus_micros(3_600_000_000)));
    let page = bench.browser.open(&format!("/keys/{}", new.id)).await.body;
    assert!(page.contains(&format!("href=\"/keys/{}\"", old.id)), "{page}");

    let address = format!("/keys/{}", new.id);
    let revoked = bench.form(&format!("{address}/revoke"), SESSION, "").await;
    assert_eq!((revoked.status, revoked.header("location")), (StatusCode::SEE_OTHER, &*address));
    let page = bench.browser.open(&address).await.body;
    assert!(page.contains("Revoked") && !page.contains("/rotate"), "{page}");
    let entry = bench.store.audit().list(None, 1).await.unwrap().remove(0);
    assert_eq!((entry.action.as_str(), entry.subject), ("key.revoke", new.id.to_string()));
    assert!(entry.actor.starts_with("ses_"), "{}", entry.actor);
    let again = bench.form(&format!("{address}/rotate"), SESSION, "grace=hour").await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let odd = bench.form(&format!("/keys/{}/rotate", old.id), SESSION, "grace=for-ever").await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST, "{}", odd.body);
}

#[tokio::test]
async fn keys_of_the_file_are_shown_and_changed_there_alone() {
    let bench = Bench::new().await;
    let list = bench.browser.open("/keys").await.body;
    assert!(list.contains("nightly &#60;job&#62;") && list.contains("in the configuration file"));
    let page = bench.browser.open(&format!("/keys/{DECLARED}")).await.body;
    assert!(page.contains("Declared in the configuration file"), "{page}");
    assert!(!page.contains("<form method=\"post\" action=\"/keys/"), "{page}");
    for (change, fields) in [("rotate", "grace=day"), ("revoke", "")] {
        let answer = bench.form(&format!("/keys/{DECLARED}/{change}"), SESSION, fields).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{change}");
        assert!(answer.body.contains("<code>[[key]]</code>"), "{}", answer.body);
    }
}

#[tokio::test]
async fn an_engineer_of_one_team_sees_and_makes_keys_of_that_team_alone() {
    let bench = Bench::new().await;
    let (theirs, _) = bench.key("search", "Secret project").await;
    let (own, _) = bench.key("growth", "Mailer").await;
    bench.browser.access.add_role("eve", Role::Engineer, Some("growth"));
    let list = bench.browser.open_with("/keys?inactive=yes", "eve").await.body;
    assert!(list.contains("Mailer") && list.contains("nightly"), "{list}");
    assert!(!list.contains("Secret project") && !list.contains("search"), "{list}");
    let new = bench.browser.open_with("/keys/new", "eve").await.body;
    assert!(new.contains("<bdi>growth</bdi>, your own") && !new.contains("search"), "{new}");

    for (address, fields, expected) in [
        ("/keys".to_owned(), "once=1&name=mine", StatusCode::OK),
        ("/keys".to_owned(), "once=2&name=mine&team=growth", StatusCode::OK),
        ("/keys".to_owned(), "once=3&name=x&team=search", StatusCode::NOT_FOUND),
        ("/keys".to_owned(), "once=4&name=x&team=no-such", StatusCode::NOT_FOUND),
        (format!("/keys/{}/rotate", theirs.id), "grace=day", StatusCode::NOT_FOUND),
        (format!("/keys/{}/revoke", theirs.id), "", StatusCode::NOT_FOUND),
        (format!("/keys/{}/rotate", own.id), "grace=day", StatusCode::OK),
        (format!("/keys/{}/revoke", own.id), "", StatusCode::SEE_OTHER),
    ] {
        let answer = bench.form(&address, "eve", fields).await;
        assert_eq!(answer.status, expected, "{address} {fields}\n{}", answer.body);
    }
    assert!(bench.store.keys().find(theirs.id).await.unwrap().unwrap().is_active(NOW));
}

#[tokio::test]
async fn the_list_goes_on_after_its_last_row_and_keeps_its_filter() {
    let bench = Bench::new().await;
    for i in 0..101 {
        bench.key("search", &format!("key-{i:03}")).await;
    }
    bench.key("growth", "other").await;
    let first = bench.browser.open("/keys?team=search").await.body;
    assert_eq!(first.matches("<th scope=\"row\">").count(), 100, "{first}");
    let next = first.split("<a href=\"/keys?after=").nth(1).unwrap().split('"').next().unwrap();
    let address = format!("/keys?after={}", next.replace("&#38;", "&"));
    assert!(address.ends_with("&team=search"), "{address}");
    let second = bench.browser.open(&address).await.body;
    assert!(second.contains("key-100") && !second.contains("key-099"), "{second}");
    assert!(!second.contains("other") && !second.contains("More keys"), "{second}");
}

#[tokio::test]
async fn with_no_keys_like_this_the_page_teaches_the_next_step() {
    let bench = Bench::new().await;
    let none = bench.browser.open("/keys?team=platform").await.body;
    assert!(none.contains("No key is like this"), "{none}");
    bench.browser.access.add_role("sam", Role::Analyst, Some("platform"));
    let empty = bench.browser.open_with("/keys", "sam").await.body;
    assert!(empty.contains("tollgate key create --team my-team"), "{empty}");
    assert!(!empty.contains("/keys/new"), "an analyst cannot make one");
}
