//! `tollgate demo` as a newcomer sees it: a link, pages that are filled, and a clean end.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::browser::{Browser, pictures};
use crate::harness::command::binary;
use crate::harness::process::{Process, probe};
use crate::harness::{ports, run, tools, wait_for};

/// From the start of the binary until every page is filled.
const FILLED_WITHIN: Duration = Duration::from_secs(30);

/// From then on until the planted drift is told, in the console and to Slack.
const DRIFT_TOLD_WITHIN: Duration = Duration::from_secs(30);

/// The text between a mark and the next blank on what the demonstration prints.
fn printed(out: &str, mark: &str) -> Option<String> {
    out.split(mark).nth(1)?.split_whitespace().next().map(str::to_owned)
}

#[test]
fn the_demonstration_fills_every_page_it_links_and_stops_cleanly() {
    let directory = tempfile::tempdir().unwrap();
    let (gateway, console) = (ports::free(), ports::free());
    let mut command = binary(directory.path());
    command.args(["demo", "--seed", "7"]);
    command.args(["--gateway", &gateway.to_string(), "--console", &console.to_string()]);
    let started = Instant::now();
    let mut demo = Process::start(command, directory.path(), "demo");
    demo.ready(&[gateway, console]);
    let out = demo.out();
    let link = printed(&out, "console ").expect("the console's login link");
    for told in ["OPENAI_BASE_URL=", "query \"SELECT", "export parquet --from"] {
        assert!(out.contains(told), "{told}: {out}");
    }
    let browser = run(Browser::logged_in(console, &link));
    let overview = wait_for("a filled overview", FILLED_WITHIN, || {
        let page = run(browser.read("/"));
        let is_filled = ["search", "support", "gpt-5.4", "monthly", "aurora-1-preview"];
        is_filled.iter().all(|word| page.contains(word)).then_some(page)
    });
    let statements: Vec<&str> = overview
        .split("href=\"/statements/team/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(!statements.is_empty(), "the overview links statements");
    for statement in &statements {
        let page = run(browser.read(&format!("/statements/team/{statement}")));
        assert!(page.contains("class=\"grand\""), "{statement} is not filled");
    }
    assert!(started.elapsed() < FILLED_WITHIN, "filled after {:?}", started.elapsed());
    drift_is_told(&browser, &printed(&out, "alerts ").expect("where alerts arrive"));
    picture(&browser, statements[0]);
    demo.signal("INT");
    assert!(demo.ended().success(), "{}", demo.log());
    assert_eq!(probe(gateway, "/healthz"), None);
}

/// The model whose provider bills other than the price book says is an incident that leads to what to do,
/// and its message has arrived.
fn drift_is_told(browser: &Browser, alerts: &str) {
    let is_drift = |part: &&str| {
        part.starts_with("/alerts/inc_") && part.contains("for grok-4.6 than the price book")
    };
    let link = wait_for("the incident of the drift", DRIFT_TOLD_WITHIN, || {
        let list = run(browser.read("/alerts"));
        let found = list.split("<a href=\"").find(is_drift)?;
        found.split('"').next().map(str::to_owned)
    });
    let incident = run(browser.read(&link));
    for told in ["(+2.4%)", "tollgate price show grok-4.6 --provider x-ai", "/prices/drift"] {
        assert!(incident.contains(told), "{told}: {incident}");
    }
    assert_eq!(incident.matches("href=\"/requests/req_").count(), 3, "{incident}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    wait_for("its message", DRIFT_TOLD_WITHIN, || {
        let arrived = run(async { http.get(alerts).send().await?.text().await }).unwrap();
        arrived.contains("reported cost of grok-4.6").then_some(())
    });
    browser.picture(&link, 1_500, &pictures().join("demo-drift.png"));
    browser.picture("/alerts", 1_200, &pictures().join("demo-alerts.png"));
}

fn picture(browser: &Browser, statement: &str) {
    let statement = format!("/statements/team/{statement}");
    browser.picture("/", 2_400, &pictures().join("demo-overview.png"));
    browser.picture(&statement, 1_700, &pictures().join("demo-statement.png"));
    if tools::variable("TOLLGATE_UPDATE_SCREENSHOT").is_none() {
        return;
    }
    // The README shows all down to the budgets, once the months before are there to compare with.
    let mut before = String::new();
    wait_for("the months before to be laid in", Duration::from_secs(120), || {
        std::thread::sleep(Duration::from_secs(2));
        let now = month_before(browser);
        std::mem::replace(&mut before, now).eq(&before).then_some(())
    });
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.github/overview.png");
    browser.picture("/", 1_940, &readme);
}

/// The figures of the month before, without those that live traffic changes.
fn month_before(browser: &Browser) -> String {
    let overview = run(browser.read("/"));
    let link = overview.split("href=\"/?month=").nth(1).and_then(|rest| rest.split('"').next());
    let page = run(browser.read(&format!("/?month={}", link.unwrap())));
    page.split("Spend per day").next().unwrap_or_default().to_owned()
}
