//! Console and gateways in processes of their own: one ledger and one set of budgets, and each half
//! when the other is away.

mod advice; // what `doctor` and `request show` tell
mod database; // PostgreSQL instead of SQLite, and without it for a while
mod storm; // one small cap, two gateways, kill -9

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use units::Usd;

use crate::harness::client::chat;
use crate::harness::half::Half;
use crate::harness::{Answer, Apart, Row, Setup, run, stub, wait_for};

/// What most requests ask for.
const MODEL: &str = "openai/gpt-5.4-mini";
/// Longest wait for news to reach a gateway. They take about a second; a debug build beside others
/// on a small machine takes longer.
const NEWS_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for what takes several rounds, commits or restarts.
const SETTLED_WITHIN: Duration = Duration::from_secs(40);

fn ask(gateway: &Half, key: &str) -> Answer {
    run(gateway.client(key).ask(&chat(MODEL)))
}

/// Asks until it is answered.
fn served(gateway: &Half, key: &str) -> Answer {
    run(gateway.client(key).served(&chat(MODEL)))
}

/// Asks until it is refused, and gives what the answers cost and the refusal.
fn ask_until_refused(gateway: &Half, key: &str) -> (Vec<Answer>, Answer) {
    let mut answers = Vec::new();
    let refusal = wait_for("a refusal", SETTLED_WITHIN, || {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) {
            let answer = ask(gateway, key);
            if answer.status != 200 {
                return Some(answer);
            }
            answers.push(answer);
        }
        None
    });
    (answers, refusal)
}

fn told<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Usd {
    answers.into_iter().map(|answer| answer.cost().unwrap()).sum()
}

fn ids<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> BTreeSet<String> {
    answers.into_iter().map(Answer::request_id).collect()
}

fn nodes(rows: &[Row], column: &str) -> Vec<String> {
    let mut nodes: Vec<String> = rows.iter().map(|row| row.text(column).to_owned()).collect();
    nodes.sort();
    nodes
}

#[test]
fn what_two_gateways_serve_is_one_ledger_and_what_the_console_decides_reaches_both() {
    let setup = Setup::default().budget("search", "1.00");
    let apart = Apart::start(&setup, 2);
    let key = apart.key("search");
    let answers: Vec<Answer> =
        (0..10).map(|turn| served(&apart.gateways[turn % 2], &key)).collect();
    let rows = apart.rows_of("search", answers.len());
    let of_node = |node: &str| rows.iter().filter(|row| row.text("node_id") == node).count();
    assert_eq!((rows.len(), of_node("gw-0"), of_node("gw-1")), (10, 5, 5));
    let sum: Usd = rows.iter().filter_map(|row| row.usd("cost_usd")).sum();
    assert_eq!(sum, told(&answers), "to the last digit");
    wait_for("both leases and all spending in the books", SETTLED_WITHIN, || {
        let both = nodes(&apart.leases("search-monthly"), "node") == ["gw-0", "gw-1"];
        let budgets = apart.console.rows(&["budget", "list"]);
        (both && budgets.first()?.usd("spent") == Some(sum)).then_some(())
    });

    revoke(&apart, &key);
    let refused = |gateway: &Half| run(gateway.client(&key).models()) == 401;
    wait_for("both to refuse a revoked key", NEWS_WITHIN, || {
        apart.gateways.iter().all(refused).then_some(())
    });

    let key = apart.key("search");
    apart.console.reconfigure("limit_usd = \"1.00\"", "limit_usd = \"0.000001\"");
    apart.console.signal("HUP");
    for gateway in &apart.gateways {
        let denial = wait_for("the lowered budget to be in force", NEWS_WITHIN, || {
            Some(ask(gateway, &key)).filter(|answer| answer.status == 402)
        });
        assert_eq!(denial.error()["metadata"]["limit_usd"], "0.000001", "{denial:?}");
    }
}

/// Revokes a key by the command that people use.
fn revoke(apart: &Apart, key: &str) {
    let keys = apart.console.rows(&["key", "list"]);
    let id = keys.iter().map(|key| key.text("id")).next().expect("a key");
    assert_eq!(keys.len(), 1, "only {key} was made: {keys:?}");
    apart.console.command(&["key", "revoke", id]).succeeded();
}

const UNAVAILABLE: &str = "budget_authority_unavailable";

/// Puts a file where the lake was, which nobody writes to at that moment; gives where it is now.
fn hide_lake(apart: &Apart) -> PathBuf {
    let away = apart.lake().with_extension("away");
    fs::rename(apart.lake(), &away).unwrap();
    fs::write(apart.lake(), "where a lake was\n").unwrap();
    away
}

/// The lake's answers of all teams, once so many are there: each once, at the cost that was told.
fn assert_recorded(apart: &Apart, answers: &[Answer]) {
    let rows = wait_for("everything spooled to arrive", SETTLED_WITHIN, || {
        let rows = apart.query("SELECT request_id, cost_usd FROM usage WHERE status = 200");
        (rows.len() >= answers.len()).then_some(rows)
    });
    let held: BTreeSet<String> = rows.iter().map(|row| row.text("request_id").to_owned()).collect();
    assert_eq!((rows.len(), held), (answers.len(), ids(answers)), "each of them, once");
    let sum: Usd = rows.iter().filter_map(|row| row.usd("cost_usd")).sum();
    assert_eq!(sum, told(answers), "to the last digit");
}

#[test]
fn without_console_and_lake_gateways_serve_within_their_bounds_and_lose_nothing() {
    let exposure: Usd = "0.02".parse().unwrap();
    let setup = Setup::default()
        .budget("search", "1.00")
        .with(&format!("when_alone = \"spend\"\nexposure_usd = \"{exposure}\"\n"))
        .budget("support", "1.00");
    let apart = Apart::start(&setup, 2);
    let [first, second] = &apart.gateways[..] else { panic!("two gateways") };
    let [search, support, tiny] = ["search", "support", "tiny"].map(|team| apart.key(team));
    let mut answers =
        vec![served(first, &search), served(first, &support), served(second, &support)];

    // A lease that was used a moment ago is not given back yet.
    apart.console.kill();
    let (leased, refusal) = ask_until_refused(second, &support);
    assert_eq!((refusal.status, &refusal.error()["code"]), (503, &UNAVAILABLE.into()));
    assert!(!leased.is_empty(), "a lease holds without the console");
    answers.extend(leased);
    apart.rows_of("support", answers.len() - 1);
    apart.rows_of("search", 1);

    first.kill();
    let away = hide_lake(&apart);
    first.restart();
    let readiness = first.readiness();
    assert_eq!(readiness["snapshot"]["from_disk"], true, "{readiness}");
    assert_eq!(readiness["authority"]["connected"], false, "{readiness}");
    let (trusted, refusal) = ask_until_refused(first, &search);
    assert_eq!(refusal.error()["code"], UNAVAILABLE, "{refusal:?}");
    let spent = told(&trusted);
    assert!(spent <= exposure, "{spent} of {exposure}");
    assert!(spent >= exposure.per_mille(500), "{spent} of {exposure}");
    answers.extend(trusted);
    let without_lease = ask(first, &support);
    assert_eq!((without_lease.status, &without_lease.error()["code"]), (503, &UNAVAILABLE.into()));
    answers.extend(apart.gateways.iter().map(|gateway| ask(gateway, &tiny)));

    fs::remove_file(apart.lake()).unwrap();
    fs::rename(&away, apart.lake()).unwrap();
    apart.console.restart();
    for gateway in &apart.gateways {
        // Leases can be had again.
        answers.push(served(gateway, &support));
    }
    apart.key("tiny");
    assert_eq!(first.readiness()["snapshot"]["from_disk"], false);
    assert_recorded(&apart, &answers);
    wait_for("the lease of the process that was killed to be closed", SETTLED_WITHIN, || {
        (nodes(&apart.leases("support-monthly"), "node") == ["gw-0", "gw-1"]).then_some(())
    });
}

#[test]
fn a_console_that_does_not_take_its_gateway_is_named_in_the_log_and_the_gateway_serves_on() {
    let apart = Apart::start(&Setup::default(), 1);
    let (gateway, key) = (&apart.gateways[0], apart.key("search"));
    let serves = || {
        gateway.restart();
        assert_eq!(ask(gateway, &key).status, 200);
        assert_eq!(gateway.readiness()["snapshot"]["from_disk"], true);
    };
    let secret = gateway.path().join("link-secret");
    fs::write(&secret, "another secret\n").unwrap();
    serves();
    gateway.logged("refused this gateway's secret (401): give both halves the same link secret");

    let detail = r#"{"title":"Upgrade Required","status":426,"detail":"console 9, gateway 1"}"#;
    let other = stub::saying("426 Upgrade Required", detail);
    gateway.reconfigure(&apart.console.address.to_string(), &other.to_string());
    serves();
    gateway.logged("speaks another protocol (426): run the same version on both sides");
    gateway.logged("console 9, gateway 1");

    // What was wrong is corrected on the gateway alone, and it hears its console again.
    fs::copy(apart.console.path().parent().unwrap().join("link-secret"), &secret).unwrap();
    gateway.reconfigure(&other.to_string(), &apart.console.address.to_string());
    gateway.restart();
    apart.key("support");
    assert_eq!(gateway.readiness()["snapshot"]["from_disk"], false);
}
