//! Login links and sessions.

use store::{Actor, LOGIN_LINK_LIFETIME_US, Login, Role, SESSION_LIFETIME_US};
use units::Slug;

use crate::{Bench, Engine};

on_both_engines!(
    of_many_consumers_of_one_link_in_two_processes_exactly_one_wins,
    a_link_expires_and_an_unknown_one_is_refused_alike,
    a_session_is_found_by_its_token_until_it_ends,
    being_seen_is_noted_to_the_minute_and_never_prolongs_a_session,
    sweeping_removes_what_is_past_its_time_and_nothing_else,
    a_login_keeps_its_team_from_the_link_to_the_session,
);

async fn of_many_consumers_of_one_link_in_two_processes_exactly_one_wins(engine: Engine) {
    let bench = Bench::new(engine).await;
    let token = bench.store.login_links().create(Role::Finance, None, &Actor::Cli).await.unwrap();
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let (links, token) = (stores[n % 2].login_links(), token.clone());
        tasks.spawn(async move { links.consume(token.expose()).await.unwrap() });
    }
    let mut winners = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        winners.extend(outcome.unwrap());
    }
    assert_eq!(winners, [Login { role: Role::Finance, team: None }]);
    let log = bench.store.audit().list(None, 10).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["login", "login_link.create"]);
}

async fn a_link_expires_and_an_unknown_one_is_refused_alike(engine: Engine) {
    let bench = Bench::new(engine).await;
    let links = bench.store.login_links();
    let token = links.create(Role::Admin, None, &Actor::Cli).await.unwrap();
    bench.pass_us(LOGIN_LINK_LIFETIME_US);
    assert_eq!(links.consume(token.expose()).await.unwrap(), None);
    assert_eq!(links.consume("' OR 1=1 --").await.unwrap(), None);
    let token = links.create(Role::Admin, None, &Actor::Cli).await.unwrap();
    bench.pass_us(LOGIN_LINK_LIFETIME_US - 1);
    assert!(links.consume(token.expose()).await.unwrap().is_some());
}

async fn a_session_is_found_by_its_token_until_it_ends(engine: Engine) {
    let bench = Bench::new(engine).await;
    let sessions = bench.store.sessions();
    let (session, token) = sessions.create(Role::Viewer, None).await.unwrap();
    let found = sessions.find(token.expose()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&session));
    assert_ne!(session.csrf, token, "a form must not carry the cookie");
    assert_eq!(sessions.find("another").await.unwrap(), None);
    sessions.delete(session.id, &Actor::Session(session.id)).await.unwrap();
    sessions.delete(session.id, &Actor::Session(session.id)).await.unwrap();
    assert_eq!(sessions.find(token.expose()).await.unwrap(), None);
    let actions: Vec<String> =
        bench.store.audit().list(None, 9).await.unwrap().into_iter().map(|e| e.action).collect();
    assert_eq!(actions, ["session.delete", "session.create"]);
}

async fn being_seen_is_noted_to_the_minute_and_never_prolongs_a_session(engine: Engine) {
    let bench = Bench::new(engine).await;
    let sessions = bench.store.sessions();
    let (session, token) = sessions.create(Role::Analyst, None).await.unwrap();
    let mut seen = Vec::new();
    for step_us in [59_000_000, 1_000_000, 1_000_000] {
        bench.pass_us(step_us);
        let found = sessions.find(token.expose()).await.unwrap().unwrap();
        seen.push(found.last_seen_at.micros_since(session.created_at));
    }
    assert_eq!(seen, [0, 60_000_000, 60_000_000]);
    bench.pass_us(SESSION_LIFETIME_US - 61_000_000);
    assert_eq!(sessions.find(token.expose()).await.unwrap(), None);
}

async fn sweeping_removes_what_is_past_its_time_and_nothing_else(engine: Engine) {
    let bench = Bench::new(engine).await;
    let (sessions, links) = (bench.store.sessions(), bench.store.login_links());
    sessions.create(Role::Admin, None).await.unwrap();
    links.create(Role::Admin, None, &Actor::Cli).await.unwrap();
    bench.pass_us(SESSION_LIFETIME_US);
    let (_, kept) = sessions.create(Role::Admin, None).await.unwrap();
    let link = links.create(Role::Admin, None, &Actor::Cli).await.unwrap();
    assert_eq!(sessions.sweep().await.unwrap(), 2);
    assert_eq!(sessions.sweep().await.unwrap(), 0);
    assert!(sessions.find(kept.expose()).await.unwrap().is_some());
    assert!(links.consume(link.expose()).await.unwrap().is_some());
}

async fn a_login_keeps_its_team_from_the_link_to_the_session(engine: Engine) {
    let bench = Bench::new(engine).await;
    let (sessions, links) = (bench.store.sessions(), bench.store.login_links());
    for team in [None, Some("search".parse::<Slug>().unwrap())] {
        let link = links.create(Role::Engineer, team.as_ref(), &Actor::Cli).await.unwrap();
        let login = links.consume(link.expose()).await.unwrap().unwrap();
        assert_eq!(login, Login { role: Role::Engineer, team: team.clone() });
        let (session, token) = sessions.create(login.role, login.team.as_ref()).await.unwrap();
        assert_eq!(session.team, team);
        assert_eq!(sessions.find(token.expose()).await.unwrap(), Some(session));
        let log = bench.store.audit().list(None, 3).await.unwrap();
        let shown = format!("\"team\":{}", serde_json::to_string(&team).unwrap());
        assert!(log.iter().all(|entry| entry.detail.contains(&shown)), "{log:?}");
    }
}

#[test]
fn a_role_reads_back_from_its_name() {
    for role in Role::ALL {
        assert_eq!(role.to_string().parse(), Ok(role));
        assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
    }
    let error = "root".parse::<Role>().unwrap_err();
    assert_eq!(error, "`root` is not one of admin, finance, engineer, analyst, viewer");
}
