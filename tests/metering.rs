//! Metering: one row for every outcome, with the provider's own figures and their exact price.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::BilledRequest;
use units::Usd;

use crate::harness::client::{chat, read_some, stream};
use crate::harness::wait_for;
use crate::harness::{Answer, Client, Row, Setup, Shared, Tollgate, process, providers, run};

static SHARED: Shared = Shared::new();

/// Models that are told to fail, each its own way. Dated names, so that each is priced.
const FAILING: [(&str, &str); 5] = [
    ("gpt-5.4-nano-2026-03-17", "status=503"),
    ("gpt-5.4-mini-2026-03-17", "words=200&chunk_ms=20"),
    ("gpt-5.4-2026-03-05", "cut_after=4"),
    ("claude-haiku-5-5", "words=400&chunk_ms=20"),
    ("claude-opus-5-5", "sse_error"),
];

fn setup() -> Setup {
    let failing = format!("openai/{}", FAILING[0].0);
    let begins_with_error = format!("anthropic/{}", FAILING[4].0);
    Setup::default()
        .route("sturdy", &[&failing, "unreachable/gpt-5.4", "anthropic/claude-sonnet-5-5"], "")
        .route("sturdy-stream", &[&begins_with_error, "openai/gpt-5.4"], "")
        .route("drained", &["anthropic/claude-haiku-5-5"], "on_client_gone = \"drain\"")
        .budget("tiny", "0.000001")
}

fn start() -> std::sync::Arc<Tollgate> {
    let tollgate = SHARED.get(setup);
    for (model, script) in FAILING {
        tollgate.providers.set_fault(model, script).unwrap();
    }
    tollgate
}

/// What the provider bills for the answer of a row.
fn billed(tollgate: &Tollgate, row: &Row) -> BilledRequest {
    let id = row.text("upstream_request_id");
    tollgate.providers.bill().request(id).unwrap_or_else(|| panic!("{id} was not billed")).clone()
}

/// The row tells the quantities that the provider bills, at their price.
fn assert_billed(tollgate: &Tollgate, row: &Row) {
    let billed = billed(tollgate, row);
    let used = billed.quantities;
    assert_eq!(row.number("input_tokens_total"), used.prompt_tokens(), "{row:?}");
    assert_eq!(row.number("output_tokens_total"), used.output_tokens, "{row:?}");
    assert_eq!(row.number("reasoning_tokens"), used.reasoning_tokens, "{row:?}");
    assert_eq!(row.usd("cost_usd"), providers::cost(&billed.model, &used), "{row:?}");
}

#[test]
fn a_plain_answer_is_one_row_with_the_providers_own_figures() {
    let tollgate = start();
    let client = tollgate.client("search");
    let request = client
        .request()
        .header("x-tollgate-customer", "globex")
        .header("x-tollgate-feature", "toll-talk")
        .header("x-tollgate-session", "session-7")
        .header("x-tollgate-tags", "env=test,beta")
        .json(&chat("openai/gpt-5.4"));
    let answer = run(client.send(request)).unwrap();
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, "1"), "{answer:?}");
    let row = tollgate.row_of(&answer.request_id());
    assert_billed(&tollgate, &row);
    let usage = &answer.json()["usage"];
    assert_eq!(usage["prompt_tokens"].as_u64(), Some(row.number("input_tokens_total")));
    assert_eq!(usage["completion_tokens"].as_u64(), Some(row.number("output_tokens_total")));
    assert_eq!(row.usd("cost_usd"), answer.cost());
    assert_eq!(row.usd("cost_usd"), answer.header("x-tollgate-cost-usd").parse().ok());
    for (column, text) in [
        ("team", "search"),
        ("customer", "globex"),
        ("feature", "toll-talk"),
        ("session_id", "session-7"),
        ("provider", "openai"),
        ("model_asked", "openai/gpt-5.4"),
        ("model_resolved", "gpt-5.4"),
        ("usage_source", "provider"),
        ("finish_reason", "stop"),
    ] {
        assert_eq!(row.text(column), text, "{column}");
    }
    assert_eq!((row.number("attempt"), row.flag("is_final")), (1, true));
    assert!(row.is_null("error_class") && !row.flag("is_stream"));
}

#[test]
fn a_stream_is_metered_though_its_client_asked_for_no_usage_and_sees_none() {
    let tollgate = start();
    let client = tollgate.client("search");
    for model in ["openai/gpt-5.4", "anthropic/claude-sonnet-5-5"] {
        let answer = run(client.ask(&stream(model)));
        assert!(answer.is_done(), "{answer:?}");
        for event in answer.events() {
            assert!(event.get("usage").is_none_or(Value::is_null), "{event}");
            assert_eq!(event["choices"].as_array().map(Vec::len), Some(1), "{event}");
        }
        let row = tollgate.row_of(&answer.request_id());
        assert_billed(&tollgate, &row);
        assert!(row.flag("is_stream") && row.number("output_tokens_total") > 0);
    }
}

#[test]
fn a_stream_whose_client_asks_for_usage_is_told_what_the_ledger_holds() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut body = stream("anthropic/claude-sonnet-5-5");
    body["stream_options"] = json!({"include_usage": true});
    let answer = run(client.ask(&body));
    let events = answer.events();
    let last = events.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    let row = tollgate.row_of(&answer.request_id());
    assert_billed(&tollgate, &row);
    assert_eq!(
        last["usage"]["completion_tokens"].as_u64(),
        Some(row.number("output_tokens_total"))
    );
    assert_eq!((answer.cost(), answer.cost().is_some()), (row.usd("cost_usd"), true));
}

#[test]
fn a_failed_over_request_is_a_row_for_each_attempt_and_one_is_final() {
    let tollgate = start();
    let answer = run(tollgate.client("search").ask(&chat("sturdy")));
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, "3"), "{answer:?}");
    assert_eq!(answer.header("x-tollgate-provider"), "anthropic");
    let rows = tollgate.rows_of(&[answer.request_id()]);
    let told = |row: &Row| {
        let (attempt, is_final) = (row.number("attempt"), row.flag("is_final"));
        (attempt, is_final, row.text("error_class").to_owned(), row.text("reason").to_owned())
    };
    let expected = [
        (1, false, "upstream_error", "first"),
        (2, false, "upstream_connect", "failover:upstream_error"),
        (3, true, "", "failover:upstream_connect"),
    ]
    .map(|(attempt, last, error, why)| (attempt, last, error.to_owned(), why.to_owned()));
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), expected);
    for failed in &rows[..2] {
        assert_eq!(failed.usd("cost_usd"), Some(Usd::ZERO), "nothing was billed: {failed:?}");
    }
    assert_billed(&tollgate, &rows[2]);
}

#[test]
fn a_stream_that_begins_with_an_error_fails_over_before_the_client_sees_anything() {
    let tollgate = start();
    let answer = run(tollgate.client("search").ask(&stream("sturdy-stream")));
    assert!(answer.is_done() && !answer.body.contains("\"error\""), "{answer:?}");
    assert_eq!(answer.header("x-tollgate-provider"), "openai");
    let rows = tollgate.rows_of(&[answer.request_id()]);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_billed(&tollgate, &rows[1]);
}

#[test]
fn a_refusal_is_a_row_that_cost_nothing_because_nothing_was_sent() {
    let tollgate = start();
    let client = tollgate.client("tiny");
    let answer = run(client.ask(&chat("openai/gpt-5.4")));
    assert_eq!(answer.status, 402, "{answer:?}");
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!((row.number("attempt"), row.number("status")), (0, 402));
    assert_eq!((row.text("error_class"), row.text("fault")), ("budget_exceeded", "policy"));
    assert_eq!((row.usd("cost_usd"), row.text("usage_source")), (Some(Usd::ZERO), "none"));
    assert!(row.is_null("provider") && row.flag("is_final"));
}

/// Reads the beginning of a long stream, then leaves.
fn leave(client: &Client, body: &Value) -> String {
    run(async {
        let mut answer = client.open(body).await;
        let id = answer.headers()["x-tollgate-request-id"].to_str().unwrap().to_owned();
        read_some(&mut answer, 600).await;
        id
    })
}

#[test]
fn a_client_that_leaves_a_stream_is_still_metered() {
    let tollgate = start();
    let id = leave(&tollgate.client("search"), &stream("openai/gpt-5.4-mini-2026-03-17"));
    let row = tollgate.row_of(&id);
    assert_eq!((row.text("error_class"), row.text("usage_source")), ("client_gone", "estimated"));
    assert!(row.usd("cost_usd") > Some(Usd::ZERO) && row.flag("is_waste"), "{row:?}");
    // The provider was told to stop: it did not produce the whole answer.
    let bill = billed(&tollgate, &row);
    assert!(!bill.is_complete && bill.quantities.output_tokens < 200, "{bill:?}");
    assert!(row.number("output_tokens_total") > 0);
}

#[test]
fn a_stream_whose_client_left_is_drained_where_the_route_says_so() {
    let tollgate = start();
    let id = leave(&tollgate.client("search"), &stream("drained"));
    let row = tollgate.row_of(&id);
    assert_eq!((row.text("error_class"), row.text("usage_source")), ("client_gone", "drained"));
    assert_billed(&tollgate, &row);
    assert_eq!(row.number("output_tokens_total"), 400);
}

#[test]
fn a_model_without_a_price_is_null_and_counted_and_never_zero() {
    let tollgate = start();
    let answer = run(tollgate.client("search").ask(&chat("openai/mystery-1")));
    assert_eq!((answer.status, answer.cost()), (200, None), "{answer:?}");
    let row = tollgate.row_of(&answer.request_id());
    for column in ["cost_usd", "cost_list_usd", "cost_contract_usd", "model_priced"] {
        assert!(row.is_null(column), "{column}: {row:?}");
    }
    assert!(row.number("input_tokens_total") > 0 && row.text("usage_source") == "provider");
    let url = format!("http://{}/metrics", tollgate.addresses.gateway);
    let metrics = run(async { reqwest::get(url).await.unwrap().text().await.unwrap() });
    let unpriced =
        metrics.lines().find_map(|l| l.strip_prefix("tollgate_unpriced_requests_total "));
    assert!(unpriced.is_some_and(|count| count != "0"), "{metrics}");
}

#[test]
fn a_cut_stream_reaches_the_client_as_an_error_and_never_as_a_clean_end() {
    let tollgate = start();
    let answer = run(tollgate.client("search").ask(&stream("openai/gpt-5.4-2026-03-05")));
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("[DONE]"), "{answer:?}");
    let events = answer.events();
    let last = events.last().unwrap();
    assert_eq!(last["error"]["code"], "upstream_cut", "{last}");
    assert_eq!(last["choices"][0]["finish_reason"], "error", "{last}");
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!((row.text("error_class"), row.text("fault")), ("upstream_cut", "upstream"));
    assert!(row.usd("cost_usd") > Some(Usd::ZERO) && row.flag("is_waste"), "{row:?}");
}

#[test]
fn the_table_adds_up_to_what_the_providers_bill() {
    let tollgate = Tollgate::start(&Setup::default());
    let client = tollgate.client("search");
    let models = ["openai/gpt-5.4", "openai/gpt-5.4-mini", "anthropic/claude-haiku-5-5"];
    let answers: Vec<Answer> = run(async {
        let asked = (0..60).map(|turn| {
            let model = models[turn % models.len()];
            let body = if turn % 2 == 0 { chat(model) } else { stream(model) };
            let client = client.clone();
            tokio::spawn(async move { client.ask(&body).await })
        });
        let mut answers = Vec::new();
        for answer in asked.collect::<Vec<_>>() {
            answers.push(answer.await.unwrap());
        }
        answers
    });
    assert!(answers.iter().all(|answer| answer.status == 200));
    let sql = "SELECT count(*) AS requests, sum(input_tokens_total) AS input, \
               sum(output_tokens_total) AS output, sum(cost_usd) AS cost FROM usage";
    let row = wait_for("all rows", Duration::from_secs(20), || {
        let row = tollgate.query(sql).remove(0);
        (row.number("requests") == 60).then_some(row)
    });
    let bill = tollgate.providers.bill();
    let used = bill.total();
    assert_eq!(used.requests, 60);
    assert_eq!(row.number("input"), used.prompt_tokens());
    assert_eq!(row.number("output"), used.output_tokens);
    assert_eq!(row.usd("cost"), Some(providers::total(&bill.requests)));
    assert_eq!(process::probe(tollgate.addresses.gateway, "/healthz"), Some(200));
}
