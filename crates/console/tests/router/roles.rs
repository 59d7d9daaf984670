//! Who may open what: every address for every role, with and without a team.
//!
//! One table for what is read and one for what is changed. A row is an address, the roles that may
//! use it, and whether a session of team `growth` finds something there: what is another team's does
//! not exist for it. `{own}` and `{other}` are keys of that team and of another.

use axum::http::{Method, StatusCode};
use store::Role;

use crate::bench::Bench;
use crate::browser::{Answer, Browser};

/// Every role.
const ALL: &[Role] = &Role::ALL;
/// Those that read more than costs.
const READERS: &[Role] = &[Role::Admin, Role::Finance, Role::Engineer, Role::Analyst];
/// Those that change keys.
const KEY_MAKERS: &[Role] = &[Role::Admin, Role::Engineer];
/// Those that take figures away.
const EXPORTERS: &[Role] = &[Role::Admin, Role::Finance, Role::Analyst];
/// The team of the sessions that see one team.
const OWN: &str = "growth";

/// Address, who may open it, what a session of [`OWN`] gets when its role may.
const TABLE: &[(&str, &[Role], StatusCode)] = &[
    ("/", ALL, StatusCode::OK),
    ("/?month=2026-10", ALL, StatusCode::OK),
    ("/statements", ALL, StatusCode::OK),
    ("/statements/team/search/2026-11", ALL, StatusCode::NOT_FOUND),
    ("/statements/team/search/2026-11.csv", ALL, StatusCode::NOT_FOUND),
    ("/statements/team/growth/2026-11", ALL, StatusCode::OK),
    ("/statements/team/growth/2026-11.csv", ALL, StatusCode::OK),
    ("/budgets", READERS, StatusCode::OK),
    ("/budgets?budget=bud_00000000000000000000000000000001", READERS, StatusCode::NOT_FOUND),
    ("/budgets?budget=bud_00000000000000000000000000000002", READERS, StatusCode::OK),
    ("/keys", READERS, StatusCode::OK),
    ("/keys?team=growth", READERS, StatusCode::OK),
    ("/keys?team=search", READERS, StatusCode::NOT_FOUND),
    ("/keys/{own}", READERS, StatusCode::OK),
    ("/keys/{other}", READERS, StatusCode::NOT_FOUND),
    ("/keys/new", KEY_MAKERS, StatusCode::OK),
    ("/prices", ALL, StatusCode::OK),
    ("/prices?provider=acme&model=mini", ALL, StatusCode::OK),
    ("/prices/what-if", ALL, StatusCode::OK),
    ("/prices/what-if?as=acme-mini", ALL, StatusCode::OK),
    ("/prices/what-if.csv?as=acme-mini", EXPORTERS, StatusCode::OK),
    ("/prices/retiring", ALL, StatusCode::OK),
    ("/prices/drift", ALL, StatusCode::OK),
    ("/prices/drift.csv", EXPORTERS, StatusCode::OK),
    ("/requests", READERS, StatusCode::OK),
    ("/alerts", READERS, StatusCode::OK),
    ("/api/v1/session", ALL, StatusCode::OK),
    ("/api/v1/keys", READERS, StatusCode::OK),
    ("/api/v1/keys?team=search", READERS, StatusCode::NOT_FOUND),
    ("/api/v1/keys/{own}", READERS, StatusCode::OK),
    ("/api/v1/keys/{other}", READERS, StatusCode::NOT_FOUND),
    ("/api/v1/prices", ALL, StatusCode::OK),
    ("/api/v1/prices/what-if?models=acme-mini", ALL, StatusCode::OK),
    ("/api/v1/prices/retiring", ALL, StatusCode::OK),
    ("/api/v1/prices/drift", ALL, StatusCode::OK),
    ("/api/v1/prices/unpriced", ALL, StatusCode::OK),
    ("/api/v1/budgets", READERS, StatusCode::OK),
    ("/api/v1/incidents", READERS, StatusCode::OK),
    ("/api/v1/deliveries", READERS, StatusCode::OK),
    ("/api/v1/statements", ALL, StatusCode::OK),
    ("/api/v1/statements/team/growth/2026-11", ALL, StatusCode::OK),
    ("/api/v1/statements/team/search/2026-11", ALL, StatusCode::NOT_FOUND),
];

/// Address, body, who may, what comes of it without a team, what for a session of [`OWN`]. Bodies of
/// the API are JSON, those of pages are forms.
const CHANGES: &[(&str, &str, &[Role], StatusCode, StatusCode)] = &[
    ("/keys", "once={once}&name=x&team=growth", KEY_MAKERS, StatusCode::OK, StatusCode::OK),
    ("/keys", "once={once}&name=x&team=search", KEY_MAKERS, StatusCode::OK, StatusCode::NOT_FOUND),
    ("/keys/{own}/rotate", "grace=day", KEY_MAKERS, StatusCode::OK, StatusCode::OK),
    ("/keys/{other}/rotate", "grace=day", KEY_MAKERS, StatusCode::OK, StatusCode::NOT_FOUND),
    ("/keys/{own}/revoke", "", KEY_MAKERS, StatusCode::SEE_OTHER, StatusCode::SEE_OTHER),
    ("/keys/{other}/revoke", "", KEY_MAKERS, StatusCode::SEE_OTHER, StatusCode::NOT_FOUND),
    (
        "/api/v1/keys",
        r#"{"name":"x","team":"growth"}"#,
        KEY_MAKERS,
        StatusCode::CREATED,
        StatusCode::CREATED,
    ),
    (
        "/api/v1/keys",
        r#"{"name":"x","team":"search"}"#,
        KEY_MAKERS,
        StatusCode::CREATED,
        StatusCode::NOT_FOUND,
    ),
    (
        "/api/v1/keys/{other}/rotate",
        r#"{"grace_seconds":0}"#,
        KEY_MAKERS,
        StatusCode::CREATED,
        StatusCode::NOT_FOUND,
    ),
    (
        "/api/v1/prices/cost",
        r#"{"model":"acme-mini","meters":{"input.text":1000}}"#,
        ALL,
        StatusCode::OK,
        StatusCode::OK,
    ),
    ("/api/v1/keys/{own}/revoke", "{}", KEY_MAKERS, StatusCode::OK, StatusCode::OK),
    ("/api/v1/keys/{other}/revoke", "{}", KEY_MAKERS, StatusCode::OK, StatusCode::NOT_FOUND),
    (
        "/api/v1/deliveries/dlv_x/replay",
        "{}",
        &[Role::Admin],
        StatusCode::NOT_FOUND,
        StatusCode::NOT_FOUND,
    ),
    (
        "/api/v1/incidents/inc_x/acknowledge",
        "{}",
        &[Role::Admin],
        StatusCode::NOT_FOUND,
        StatusCode::NOT_FOUND,
    ),
];

/// Signs in for a role, with or without the team, and gives the session's token.
fn session_of(browser: &Browser, role: Role, team: Option<&str>) -> String {
    let token = format!("{role}-{}", team.unwrap_or("everything"));
    browser.access.add_role(&token, role, team);
    token
}

#[tokio::test]
async fn every_address_opens_for_exactly_the_roles_of_its_row() {
    let bench = Bench::new().await;
    let browser = &bench.browser;
    let own = bench.key(OWN, "own").await.0.id.to_string();
    let other = bench.key("search", "other").await.0.id.to_string();
    for (address, roles, of_one_team) in TABLE {
        let address = &address.replace("{own}", &own).replace("{other}", &other);
        let stranger = browser.open_as_stranger(address).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{address} stranger");
        for role in Role::ALL {
            for team in [None, Some(OWN)] {
                let session = session_of(browser, role, team);
                let answer = browser.open_with(address, &session).await;
                let expected = match (roles.contains(&role), team) {
                    (false, _) => StatusCode::FORBIDDEN,
                    (true, None) => StatusCode::OK,
                    (true, Some(_)) => *of_one_team,
                };
                assert_eq!(answer.status, expected, "{address} {role} {team:?}\n{}", answer.body);
                if expected == StatusCode::FORBIDDEN {
                    let needed = roles.first().unwrap().as_str();
                    assert!(answer.body.contains(needed), "{address} {role}\n{}", answer.body);
                }
                if expected == StatusCode::OK && team.is_some() {
                    assert!(!answer.body.contains("search"), "{address} {role}\n{}", answer.body);
                }
            }
        }
    }
}

/// Sends a change as a program for the API, as a form of ours for pages.
async fn change(bench: &Bench, address: &str, body: &str, session: &str) -> Answer {
    if !address.starts_with("/api/") {
        return bench.form(address, session, body).await;
    }
    let body = serde_json::from_str(body).unwrap();
    bench.call(Method::POST, address, session, Some(&body)).await
}

#[tokio::test]
async fn every_change_is_open_to_exactly_the_roles_of_its_row() {
    let bench = Bench::new().await;
    let mut once = 0;
    for (address, body, roles, of_all, of_one_team) in CHANGES {
        for role in Role::ALL {
            for team in [None, Some(OWN)] {
                once += 1;
                let own = bench.key(OWN, "own").await.0.id.to_string();
                let other = bench.key("search", "other").await.0.id.to_string();
                let address = address.replace("{own}", &own).replace("{other}", &other);
                let body = body.replace("{once}", &once.to_string());
                let session = session_of(&bench.browser, role, team);
                let answer = change(&bench, &address, &body, &session).await;
                let expected = match (roles.contains(&role), team) {
                    (false, _) => StatusCode::FORBIDDEN,
                    (true, None) => *of_all,
                    (true, Some(_)) => *of_one_team,
                };
                assert_eq!(answer.status, expected, "{address} {role} {team:?}\n{}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn the_navigation_shows_exactly_what_the_session_may_open() {
    let browser = Browser::over_sample();
    for role in Role::ALL {
        let session = session_of(&browser, role, None);
        let body = browser.open_with("/", &session).await.body;
        let nav = body.split("<nav aria-label=\"Main\">").nth(1).unwrap();
        let nav = nav.split("</nav>").next().unwrap();
        let entries = nav.matches("<a href=").count();
        assert_eq!(entries, if role == Role::Viewer { 4 } else { 8 }, "{role}\n{nav}");
        for link in nav.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let answer = browser.open_with(link, &session).await;
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{role} {link}");
        }
    }
}

#[tokio::test]
async fn a_session_of_one_team_says_so_and_sees_only_its_own_names() {
    let browser = Browser::over_sample();
    let session = session_of(&browser, Role::Finance, Some("growth"));
    let overview = browser.open_with("/", &session).await.body;
    assert!(overview.contains("Signed in as finance, team <bdi>growth</bdi>"), "{overview}");
    assert!(overview.contains("growth-monthly"), "{overview}");
    let index = browser.open_with("/statements", &session).await.body;
    assert!(index.contains("/statements/team/growth/2026-11"), "{index}");
    for body in [overview, index] {
        for other in ["search", "support-bots", "platform", "No team"] {
            assert!(!body.contains(other), "{other}\n{body}");
        }
    }
}
