//! A PostgreSQL server instead of a file, and the product while it is away.

use std::time::{Duration, Instant};

use super::SETTLED_WITHIN;
use crate::harness::browser::Browser;
use crate::harness::client::chat;
use crate::harness::postgres::Postgres;
use crate::harness::{Row, Setup, Tollgate, run, wait_for};

/// How long the server is away: requests go on all the while.
const AWAY: Duration = Duration::from_secs(3);

fn rows(tollgate: &Tollgate, arguments: &[&str]) -> Vec<Row> {
    let arguments = [arguments, &["--output", "json"]].concat();
    Row::read(&tollgate.command(&arguments).succeeded())
}

#[test]
fn on_postgres_everything_works_and_requests_go_on_while_it_is_away() {
    let mut server = Postgres::start();
    server.create("tollgate", None);
    let storage = format!("database = \"{}\"", server.url("tollgate"));
    let setup = Setup { storage, ..Setup::default() }.budget("support", "10.00");
    let tollgate = Tollgate::start(&setup);
    let [free, capped] = ["search", "support"].map(|team| tollgate.client(team));
    let answers = [&free, &capped].map(|client| run(client.served(&chat("openai/gpt-5.4"))));
    wait_for("the budget to tell what was spent", SETTLED_WITHIN, || {
        let budgets = rows(&tollgate, &["budget", "list"]);
        (budgets.first()?.usd("spent") == answers[1].cost()).then_some(())
    });
    let browser = run(Browser::logged_in(tollgate.addresses.console, &tollgate.login_link()));
    assert!(run(browser.read("/")).contains("Sign out"));

    let revoked = tollgate.client("tiny");
    let keys = rows(&tollgate, &["key", "list"]);
    let tiny = keys.iter().find(|key| key.text("name") == "tiny").expect("its key");
    tollgate.command(&["key", "revoke", tiny.text("id")]).succeeded();
    wait_for("the revoked key to be refused", SETTLED_WITHIN, || {
        (run(revoked.models()) == 401).then_some(())
    });

    // A lease that was used a moment ago is not given back yet.
    run(capped.served(&chat("openai/gpt-5.4-mini")));
    server.stop();
    let (stopped, mut count) = (Instant::now(), 0);
    while stopped.elapsed() < AWAY || count < 10 {
        for client in [&free, &capped] {
            let answer = run(client.ask(&chat("openai/gpt-5.4-mini")));
            assert_eq!(answer.status, 200, "after {count} without a database: {answer:?}");
            count += 1;
        }
        assert!(stopped.elapsed() < SETTLED_WITHIN, "{count} requests");
    }
    server.start_again();
    wait_for("the console to recover", SETTLED_WITHIN, || {
        (run(browser.open("/budgets")).status == 200).then_some(())
    });
    tollgate.client("search");
    run(capped.served(&chat("openai/gpt-5.4")));
}
