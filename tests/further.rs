//! Models that answer beside the one that was asked: every figure of theirs is in the ledger, in the
//! budget and on the page, once, as the provider bills it.

use std::time::Duration;

use serde_json::Value;
use units::Usd;

use crate::harness::{Row, Setup, Tollgate, providers, tools, wait_for};

/// The dearer model that is asked for advice.
const ADVISOR: &str = "claude-opus-5-5";

/// The rows of one request, its own first, once both are there.
fn rows_of(tollgate: &Tollgate, request_id: &str) -> [Row; 2] {
    let sql = format!(
        "SELECT * FROM usage WHERE request_id = '{request_id}' ORDER BY is_final DESC, seq"
    );
    let rows = wait_for("both rows", Duration::from_secs(30), || {
        let rows = tollgate.query(&sql);
        (rows.len() >= 2).then_some(rows)
    });
    rows.try_into().unwrap_or_else(|rows| panic!("one row a model: {rows:?}"))
}

fn tokens(row: &Row) -> (Option<u64>, Option<u64>) {
    (Some(row.number("input_tokens_total")), Some(row.number("output_tokens_total")))
}

#[test]
fn what_an_advisor_is_billed_is_in_rows_budget_and_bill_alike_and_survives_a_kill() {
    let tollgate = Tollgate::start(&Setup::default().budget("support", "50"));
    let client = tollgate.client("support");
    let arguments = [&client.base_url(), client.key(), "anthropic/claude-haiku-5-5", ADVISOR];
    let text = tools::python("anthropic_advisor.py", &arguments.map(AsRef::<str>::as_ref));
    // Whatever was answered is in the books already.
    tollgate.kill();
    tollgate.restart();
    let seen: Value = serde_json::from_str(&text).unwrap();
    let mut spent = Usd::ZERO;
    for told in [&seen["plain"], &seen["streamed"]] {
        let count = |name: &str| told[name].as_u64();
        let [own, beside] = rows_of(&tollgate, told["request_id"].as_str().unwrap());
        assert_eq!(tokens(&own), (count("input"), count("output")));
        assert_eq!(tokens(&beside), (count("advice_input"), count("advice_output")));
        assert_eq!(beside.text("model_resolved"), ADVISOR);
        assert_eq!(beside.text("reason"), "caused:advisor_message");
        assert!(own.flag("is_final") && !beside.flag("is_final"));
        for column in ["team", "key_id", "provider", "upstream_request_id", "received_at", "route"]
        {
            assert_eq!(own.text(column), beside.text(column), "{column}");
        }
        assert_eq!((own.number("attempt"), beside.number("attempt")), (1, 1));
        let bill = tollgate.providers.bill();
        let id = own.text("upstream_request_id");
        let billed: Vec<_> = bill.requests.into_iter().filter(|it| it.request_id == id).collect();
        assert_eq!(billed.len(), 3, "the answer, and two pieces of advice");
        let cost = own.usd("cost_usd").unwrap() + beside.usd("cost_usd").unwrap();
        assert_eq!(cost, providers::total(&billed));
        if let Some(header) = told["cost"].as_str() {
            assert_eq!(header.parse(), Ok(cost));
        }
        spent += cost;
    }
    assert_eq!(spent, providers::total(&tollgate.providers.bill().requests));
    assert_told_everywhere(&tollgate, seen["plain"]["request_id"].as_str().unwrap(), spent);
}

/// Reports count two requests; budget, list, page and statement hold all of their money.
fn assert_told_everywhere(tollgate: &Tollgate, request_id: &str, spent: Usd) {
    let sums = "SELECT SUM(requests) AS requests, SUM(calls) AS calls, SUM(cost_usd) AS cost
        FROM usage_day WHERE team = 'support'";
    let sums = tollgate.query(sums).remove(0);
    assert_eq!((sums.number("requests"), sums.number("calls")), (2, 4));
    assert_eq!(sums.usd("cost"), Some(spent));
    wait_for("the budget's spent amount", Duration::from_secs(30), || {
        let budgets = tollgate.command(&["budget", "list", "--output", "json"]).succeeded();
        let budget =
            Row::read(&budgets).into_iter().find(|row| row.text("name") == "support-monthly");
        (budget?.usd("spent") == Some(spent)).then_some(())
    });
    let shown = tollgate.command(&["request", "show", request_id]).succeeded();
    assert!(shown.contains(&format!("{ADVISOR} (caused:advisor_message)")), "{shown}");
    assert!(shown.find("claude-haiku-5-5") < shown.find(ADVISOR), "its own first: {shown}");
}
