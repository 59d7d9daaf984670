//! The console: logging in, pages, and one figure told five ways.

use csv::Reader;
use serde_json::Value;
use units::{BillingPeriod, BillingZone, Clock, SystemClock, Usd};

use crate::harness::browser::{Browser, pictures, session};
use crate::harness::client::{chat, stream};
use crate::harness::{Client, Setup, Tollgate, run, tools};

fn setup() -> Setup {
    let setup = Setup::default().budget("search", "0.50").with("on_unpriced = \"allow\"\n");
    setup.budget("support", "0.03")
}

/// Traffic of two teams with features and customers, streamed and not.
fn traffic(tollgate: &Tollgate) {
    let clients = [tollgate.client("search"), tollgate.client("support")];
    let ask = |client: &Client, model: &str, feature: &str, customer: &str| {
        let body = if customer == "globex" { stream(model) } else { chat(model) };
        let request = client.request().header("x-tollgate-feature", feature).json(&body);
        let request = request.header("x-tollgate-customer", customer);
        run(client.send(request)).unwrap()
    };
    let mut ids = Vec::new();
    for turn in 0..24 {
        let client = &clients[turn % 2];
        let model = ["openai/gpt-5.4", "anthropic/claude-sonnet-5-5", "openai/mystery-1"][turn % 3];
        let feature = ["answers", "ranking, =1+1"][turn / 4 % 2];
        let answer = ask(client, model, feature, ["globex", "<b>initech</b>"][turn / 2 % 2]);
        assert!([200, 402].contains(&answer.status), "{answer:?}");
        ids.push(answer.request_id());
    }
    tollgate.rows_of(&ids);
}

fn present_month() -> BillingPeriod {
    BillingPeriod::containing(SystemClock.now(), &BillingZone::UTC)
}

/// The value of the last amount on a page that stands under the heading of exact amounts.
fn total_on(page: &str) -> Usd {
    let total = page.split("class=\"grand\"").nth(1).expect("a row of totals");
    let exact = total.split("num exact").nth(1).expect("an exact total");
    let value = exact.split("value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.expect("an amount").parse().unwrap()
}

/// Sum of a statement's lines and its total, as its CSV tells them.
fn totals_in(csv: &str) -> (Usd, Usd) {
    let mut reader = Reader::from_reader(csv.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let (kind, exact) = (column("row_type"), column("cost_usd_exact"));
    let (mut lines, mut total) = (Usd::ZERO, None);
    for record in reader.records() {
        let record = record.unwrap();
        let amount: Usd = record[exact].parse().unwrap();
        match &record[kind] {
            "line" => lines += amount,
            "total" => assert_eq!(total.replace(amount), None, "one total"),
            other => panic!("a row of type {other}"),
        }
    }
    (lines, total.unwrap())
}

#[test]
fn a_login_link_works_once_and_only_from_the_consoles_own_page() {
    let tollgate = Tollgate::start(&setup());
    let (console, link) = (tollgate.addresses.console, tollgate.login_link());
    run(async {
        assert_eq!(Browser::new(console).open("/").await.status, 401);
        let browser = Browser::new(console);
        let path = link.strip_prefix(&format!("http://{console}")).unwrap();
        for _ in 0..2 {
            let page = browser.read(path).await;
            assert!(page.contains("<form method=\"post\""), "looking does not use it up: {page}");
        }
        let foreign = reqwest::Client::new().post(&link).header("origin", "https://evil.test");
        assert_eq!(foreign.send().await.unwrap().status(), 403);
        let answer = browser.use_link(&link).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = session(&answer);
        let again = browser.use_link(&link).await;
        assert!((400..500).contains(&again.status) && session(&again).is_none(), "{again:?}");
        let mut signed_in = Browser::new(console);
        signed_in.cookie = cookie;
        assert!(signed_in.read("/").await.contains("Sign out"));
    });
}

#[test]
fn a_link_made_while_the_console_runs_logs_in_with_its_role() {
    let tollgate = Tollgate::start(&setup());
    let link = tollgate.command(&["login", "--role", "finance"]).succeeded();
    let browser = run(Browser::logged_in(tollgate.addresses.console, link.trim()));
    assert!(run(browser.read("/")).contains("Signed in as finance"));
    let unknown = tollgate.command(&["login", "--role", "owner"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn page_csv_sql_and_exported_parquet_agree_to_the_last_digit() {
    let tollgate = Tollgate::start(&setup());
    traffic(&tollgate);
    let browser = run(Browser::logged_in(tollgate.addresses.console, &tollgate.login_link()));
    let month = present_month();
    let (from, to) = (month.first_day(), month.first_day().last_of_month());
    let export = tollgate.path().join("export");
    let (from, to) = (from.to_string(), to.to_string());
    let directory = export.to_str().unwrap();
    let arguments = ["export", "parquet", "--from", &from, "--to", &to, directory];
    tollgate.command(&arguments).succeeded();
    let exported: Value =
        serde_json::from_str(&tools::python("read_export.py", &[directory])).unwrap();
    let rows = tollgate.query("SELECT count(*) AS n, sum(cost_usd) AS cost FROM usage").remove(0);
    assert_eq!(exported["rows"].as_u64(), Some(rows.number("n")));
    assert_eq!(exported["cost_usd"].as_str().unwrap().parse().ok(), rows.usd("cost"));
    for team in ["search", "support"] {
        let sql = format!("SELECT sum(cost_usd) AS cost FROM usage WHERE team = '{team}'");
        let by_sql = tollgate.query(&sql)[0].usd("cost").unwrap();
        assert!(by_sql > Usd::ZERO);
        let path = format!("/statements/team/{team}/{month}");
        let by_page = total_on(&run(browser.read(&path)));
        let (lines, by_csv) = totals_in(&run(browser.read(&format!("{path}.csv"))));
        let by_duckdb: Usd = exported["teams"][team].as_str().unwrap().parse().unwrap();
        assert_eq!([by_page, by_csv, lines, by_duckdb], [by_sql; 4], "{team}");
    }
}

#[test]
fn pages_show_what_was_used_and_are_drawn_without_complaint() {
    let tollgate = Tollgate::start(&setup());
    traffic(&tollgate);
    let browser = run(Browser::logged_in(tollgate.addresses.console, &tollgate.login_link()));
    let overview = run(browser.read("/"));
    for shown in ["search", "support", "gpt-5.4", "claude-sonnet-5-5", "globex", "search-monthly"] {
        assert!(overview.contains(shown), "the overview does not show {shown}");
    }
    assert!(overview.contains("mystery-1"), "an unpriced model is visible");
    let path = format!("/statements/team/search/{}", present_month());
    let statement = run(browser.read(&path));
    assert!(statement.contains("answers") && statement.contains("unpriced"));
    assert!(!statement.contains("<b>initech"), "what clients send is text, never markup");
    assert!(run(browser.read("/statements")).contains(&path));
    assert_eq!(run(browser.open("/statements/team/nobody/2026-01")).status, 404);
    browser.picture("/", 1_700, &pictures().join("overview.png"));
    browser.picture(&path, 1_200, &pictures().join("statement.png"));
}
