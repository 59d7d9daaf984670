//! The console in a real browser: each page's main task, its looks, the same digits everywhere, and
//! what hostile people send it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use reqwest::header::{COOKIE, ORIGIN};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use units::{BillingPeriod, BillingZone, Clock, SystemClock, Usd};

use crate::harness::browser::Browser;
use crate::harness::client::{chat, stream};
use crate::harness::command::{binary, tollgate};
use crate::harness::process::Process;
use crate::harness::{Client, Setup, Shared, Tollgate, ports, run, tools};

const SCRIPT: &str = "console_pages.py";

/// One fixture for the stories over it: they only read, but for traffic of teams of their own.
static SHARED: Shared = Shared::new();

fn present_month() -> BillingPeriod {
    BillingPeriod::containing(SystemClock.now(), &BillingZone::UTC)
}

/// A login link of a role, and of one team if any, as the command makes it.
fn link(tollgate: &Tollgate, role: &str, team: Option<&str>) -> String {
    let mut arguments = vec!["login", "--role", role];
    arguments.extend(team.iter().flat_map(|team| ["--team", team]));
    tollgate.command(&arguments).succeeded().trim().to_owned()
}

fn visit(tollgate: &Tollgate, role: &str, team: Option<&str>) -> Browser {
    run(Browser::logged_in(tollgate.addresses.console, &link(tollgate, role, team)))
}

#[test]
fn every_page_does_its_task_and_looks_right_in_both_colours_and_on_a_narrow_screen() {
    let directory = tempfile::tempdir().unwrap();
    let (gateway, console) = (ports::free(), ports::free());
    let mut command = binary(directory.path());
    command.args(["demo", "--seed", "7"]);
    command.args(["--gateway", &gateway.to_string(), "--console", &console.to_string()]);
    let mut demo = Process::start(command, directory.path(), "demo");
    demo.ready(&[gateway, console]);
    let out = demo.out();
    let config = out.split("--config ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let login = || {
        let arguments = ["--config", config, "login", "--role", "admin"];
        tollgate(directory.path(), &arguments).succeeded().trim().to_owned()
    };
    let (base_url, axe) = (format!("http://{gateway}/v1"), tools::axe());
    let links = [login(), login()];
    // Two people at once: one works, the other looks at everything.
    std::thread::scope(|scope| {
        scope.spawn(|| tools::python(SCRIPT, &["tasks", &links[0], &base_url]));
        scope.spawn(|| tools::python(SCRIPT, &["looks", &links[1], axe.to_str().unwrap()]));
    });
    demo.signal("INT");
    assert!(demo.ended().success(), "{}", demo.log());
}

/// Traffic of two teams, every answer of which has a price.
fn priced_traffic(tollgate: &Tollgate) {
    let clients = [tollgate.client("search"), tollgate.client("support")];
    let models = ["openai/gpt-5.4", "anthropic/claude-sonnet-5-5", "openai/gpt-5.4-mini"];
    let mut ids = Vec::new();
    for turn in 0..15 {
        let (client, model) = (&clients[turn % 2], models[turn % 3]);
        let body = if turn % 4 == 0 { stream(model) } else { chat(model) };
        let request =
            client.request().header("x-tollgate-feature", ["answers", "ranking"][turn % 2]);
        ids.push(run(client.send(request.json(&body))).unwrap().request_id());
    }
    tollgate.rows_of(&ids);
}

type Totals = BTreeMap<String, Usd>;

/// Every total by who told it and which team it is of.
fn totals(told: &Value) -> BTreeMap<String, Totals> {
    let told: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_value(told.clone()).unwrap();
    let exact = |(team, amount): (String, String)| (team, amount.parse().unwrap());
    told.into_iter().map(|(by, all)| (by, all.into_iter().map(exact).collect())).collect()
}

#[test]
fn statement_explore_their_files_sql_and_an_export_agree_to_the_last_digit() {
    let tollgate = Tollgate::start(&Setup::default());
    priced_traffic(&tollgate);
    let month = present_month();
    let told =
        tools::python(SCRIPT, &["month", &link(&tollgate, "finance", None), &month.to_string()]);
    let told = totals(&serde_json::from_str(&told).unwrap());

    let sql = "SELECT team, sum(cost_usd) AS cost FROM usage GROUP BY team ORDER BY team";
    let rows = tollgate.query(sql);
    let by_sql: Totals =
        rows.iter().map(|row| (row.text("team").to_owned(), row.usd("cost").unwrap())).collect();
    assert_eq!(by_sql.keys().collect::<Vec<_>>(), ["search", "support"]);
    let whole: Usd = by_sql.values().fold(Usd::ZERO, |sum, cost| sum + *cost);

    let export = tollgate.path().join("export");
    let (from, to) = (month.first_day().to_string(), month.first_day().last_of_month().to_string());
    let directory = export.to_str().unwrap();
    tollgate.command(&["export", "parquet", "--from", &from, "--to", &to, directory]).succeeded();
    let exported: Value =
        serde_json::from_str(&tools::python("read_export.py", &[directory])).unwrap();
    let by_export = &totals(&json!({ "teams": exported["teams"] }))["teams"];
    assert_eq!(by_export, &by_sql, "export");

    let mut with_whole = by_sql.clone();
    with_whole.insert("total".to_owned(), whole);
    assert_eq!(told.len(), 5, "{told:?}");
    for (by, amounts) in &told {
        let expected = if by.starts_with("statement") { &by_sql } else { &with_whole };
        assert_eq!(amounts, expected, "{by}");
    }
}

/// What clients might call their features, customers, users and tags.
fn hostile_values() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        (
            "feature",
            "\"><img id=broken src=x onerror=\"window.broken=1\"><script>window.broken=1</script>",
        ),
        ("customer", "'; DROP TABLE usage; --"),
        ("user", "<!channel> <https://evil.test|free> *bold* &amp;"),
        ("note", "invoice\u{202e}gpj.exe\u{2066}"),
        ("sum", "=HYPERLINK(\"http://evil.test\",\"x\")"),
    ])
}

#[test]
fn hostile_names_stay_text_on_every_page_and_in_filters() {
    let tollgate = SHARED.get(Setup::default);
    let client = tollgate.client("tiny");
    let mut values: BTreeMap<&str, String> =
        hostile_values().into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    let long = "<b>".repeat(2_000);
    values.insert("long", long);
    let request = client.request().header("x-tollgate-metadata", ascii(&json!(values)));
    let sent = run(client.send(request.json(&chat("openai/gpt-5.4")))).unwrap();
    let id = sent.request_id();
    tollgate.row_of(&id);
    // What is too long is cut when it comes in.
    values.insert("long", "<b>".repeat(2_000)[..256].to_owned());
    let given = json!({ "request": id, "values": values }).to_string();
    tools::python(SCRIPT, &["hostile", &link(&tollgate, "analyst", None), &given]);
}

/// JSON in ASCII, as a header must be.
fn ascii(json: &Value) -> String {
    let escape = |character: char| match character.is_ascii() {
        true => character.to_string(),
        false => format!("\\u{:04x}", u32::from(character)),
    };
    json.to_string().chars().map(escape).collect()
}

/// Status of a form sent with a session's cookie.
fn submit(console: SocketAddr, cookie: &str, path: &str, origin: &str, csrf: &str) -> u16 {
    let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    let form = format!("name=x&team=search&once=x&csrf={csrf}");
    let request = http.post(format!("http://{console}{path}")).header(COOKIE, cookie);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    run(request.header(ORIGIN, origin).body(form).send()).unwrap().status().as_u16()
}

#[test]
fn forged_forms_and_sessions_are_refused() {
    let tollgate = SHARED.get(Setup::default);
    let console = tollgate.addresses.console;
    let mut browser = visit(&tollgate, "admin", None);
    let page = run(browser.read("/keys/new"));
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let cookie = browser.cookie.clone().unwrap();
    let own = format!("http://{console}");
    for path in ["/keys", "/logout", "/theme"] {
        for (origin, token) in
            [(own.as_str(), ""), (&own, "forged"), ("https://evil.test", csrf), ("null", csrf)]
        {
            let status = submit(console, &cookie, path, origin, token);
            assert_eq!(status, 403, "{path} from {origin} with {token:?}");
        }
    }
    assert_eq!(run(browser.open("/keys")).status, 200, "the session has outlived them");
    let last = if cookie.ends_with('A') { 'B' } else { 'A' };
    for forged in [
        format!("{}{last}", &cookie[..cookie.len() - 1]),
        format!("{cookie}x"),
        cookie.replace('=', "=x"),
    ] {
        browser.cookie = Some(forged.clone());
        assert_eq!(run(browser.open("/keys")).status, 401, "{forged}");
    }
}

#[test]
fn forced_browsing_shows_no_more_than_the_role_and_the_team_may_see() {
    let tollgate = SHARED.get(Setup::default);
    let theirs = one_request(&tollgate.client("support"));
    let own = one_request(&tollgate.client("search"));
    tollgate.rows_of(&[theirs.clone(), own.clone()]);
    let month = present_month();
    let (theirs, own) = (format!("/requests/{theirs}"), format!("/requests/{own}"));
    let statement = |team: &str| format!("/statements/team/{team}/{month}");
    let viewer = visit(&tollgate, "viewer", None);
    for (path, status) in [
        ("/explore", 200),
        (statement("search").as_str(), 200),
        ("/explore/totals.csv", 403),
        ("/requests", 403),
        (&own, 403),
        ("/keys", 403),
        ("/keys/new", 403),
        ("/budgets", 403),
        ("/prices", 200),
        ("/alerts", 403),
    ] {
        assert_eq!(run(viewer.open(path)).status, status, "a viewer opens {path}");
    }
    let finance = visit(&tollgate, "finance", Some("search"));
    for (path, status) in [
        (statement("search"), 200),
        (format!("{}.csv", statement("search")), 200),
        (statement("support"), 404),
        (format!("{}.csv", statement("support")), 404),
        (own, 200),
        (theirs, 404),
        ("/keys?team=support".to_owned(), 404),
    ] {
        assert_eq!(run(finance.open(&path)).status, status, "finance of search opens {path}");
    }
    for path in [
        "/",
        "/explore",
        "/explore?f=team&op=is&v=support",
        "/requests",
        "/keys",
        "/explore/totals.csv",
    ] {
        let page = run(finance.read(path));
        let shown = page.replace("v=support", "").replace("value=\"support\"", "");
        assert!(!shown.contains("support"), "{path} shows another team: {shown}");
    }
}

fn one_request(client: &Client) -> String {
    run(client.ask(&chat("openai/gpt-5.4"))).request_id()
}
