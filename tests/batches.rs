//! Batches: each line of their results is one row at the price of batches, however often and wherever the
//! results are downloaded, and whatever happens to the process meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use pricing::PriceContext;
use reqwest::Method;
use serde_json::{Value, json};
use simulator::Bill;
use units::Usd;

use crate::harness::client::chat;
use crate::harness::dice::Dice;
use crate::harness::providers::cost_in;
use crate::harness::{Answer, Apart, Client, Row, Setup, Tollgate, run, tools, wait_for};

const LINES: &str = "SELECT * FROM usage WHERE endpoint = 'batch.result'";

/// Batches of team search are allowed to cost what they cost.
fn setup() -> Setup {
    Setup::default().with(
        "\n[[budget]]\nname = \"search-monthly\"\nteam = \"search\"\nlimit_usd = \"50\"\n\
         on_unpriced = \"allow\"\n",
    )
}

/// What a script saw.
fn script(what: &str, client: &Client, rest: &[&str]) -> Value {
    let base_url = client.base_url();
    let arguments = [&[what, base_url.as_str(), client.key()], rest].concat();
    serde_json::from_str(&tools::python("batches.py", &arguments)).unwrap()
}

/// A call about files and batches, which name no model.
fn call(client: &Client, method: Method, path: &str) -> reqwest::RequestBuilder {
    client.call(method, path).header("x-tollgate-provider", "openai")
}

/// Makes a batch of so many requests and gives the file of its results.
fn make(client: &Client, lines: usize) -> String {
    let body = |n| json!({"model": "gpt-5.4", "messages": chat("gpt-5.4")["messages"], "seed": n});
    let line = |n| json!({"custom_id": format!("line-{n}"), "method": "POST", "body": body(n)});
    let text: String = (0..lines).map(|n| line(n).to_string() + "\n").collect();
    let upload = call(client, Method::POST, "/v1/files").body(text);
    let file = run(client.send(upload)).unwrap().json();
    let body = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions"});
    let made = run(client.send(call(client, Method::POST, "/v1/batches").json(&body))).unwrap();
    let path = format!("/v1/batches/{}", made.json()["id"].as_str().unwrap());
    let done = run(client.send(call(client, Method::GET, &path))).unwrap();
    done.json()["output_file_id"].as_str().unwrap().to_owned()
}

/// Downloads results; `None` when the download ended early.
fn download(client: &Client, file: &str) -> Option<Answer> {
    let path = format!("/v1/files/{file}/content");
    run(client.send(call(client, Method::GET, &path))).ok()
}

/// Each row is a line of the bill at the price of batches, and no line has two.
fn assert_billed(rows: &[Row], bill: &Bill) -> Usd {
    let context = PriceContext { processing: Some("batch"), ..PriceContext::NONE };
    let mut sum = Usd::ZERO;
    let mut ids = BTreeSet::new();
    for row in rows {
        let id = row.text("upstream_request_id");
        assert!(ids.insert(id), "{id} has two rows");
        assert_eq!((row.text("processing"), row.flag("is_final")), ("batch", true), "{row:?}");
        let Some(billed) = bill.request(id) else {
            let seen = (row.usd("cost_usd"), row.text("usage_source"), row.number("status"));
            assert_eq!(seen, (Some(Usd::ZERO), "none", 500), "{row:?}");
            continue;
        };
        assert_eq!(row.text("model_answered"), billed.model, "{row:?}");
        assert_eq!(row.number("input_tokens_total"), billed.quantities.prompt_tokens());
        assert_eq!(row.number("output_tokens_total"), billed.quantities.output_tokens);
        let cost = cost_in(context, &billed.model, &billed.quantities);
        assert_eq!((row.usd("cost_usd"), cost.is_some()), (cost, true), "{row:?}");
        sum += cost.unwrap();
    }
    sum
}

/// Both vendors' SDKs make a batch each and download its results three times through two gateways, one of
/// which is killed right after the first.
#[test]
fn each_line_is_one_row_after_three_downloads_through_two_gateways_and_a_kill() {
    const LINES_EACH: usize = 150;
    let apart = Apart::start(&setup(), 2);
    let key = apart.key("search");
    let [one, other] = [0, 1].map(|number: usize| apart.gateways[number].client(&key));
    let made = script("make", &one, &[&LINES_EACH.to_string()]);
    let ids: Vec<&str> = made["ids"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let first = script("download", &one, &ids);
    apart.gateways[0].kill();
    let second = script("download", &other, &ids);
    apart.gateways[0].restart();
    let third = script("download", &one, &ids);
    for seen in [&second, &third] {
        assert_eq!((&seen["first"], &seen["second"]), (&first["first"], &first["second"]));
    }
    // What a gateway recorded before these is committed with them.
    for client in [&one, &other] {
        run(client.served(&chat("openai/gpt-5.4")));
    }
    let chats = "SELECT * FROM usage WHERE endpoint = 'chat' AND status = 200";
    wait_for("the chats in the lake", Duration::from_secs(40), || {
        (apart.query(chats).len() == 2).then_some(())
    });
    let rows = apart.query(LINES);
    assert_eq!(rows.len(), 2 * LINES_EACH);
    let bill = apart.providers.bill();
    assert!(assert_billed(&rows, &bill) > Usd::ZERO);
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *files.entry(row.text("session_id")).or_default() += 1;
        assert_eq!((row.text("team"), row.text("customer")), ("search", "globex"));
        assert!(row.text("parent_id").starts_with("line-"), "{row:?}");
    }
    let name = |n: usize| first["files"][n].as_str().unwrap();
    let expected = [(name(0), LINES_EACH - 2), (name(1), 2), (ids[1], LINES_EACH)];
    assert_eq!(files, expected.into());
    // The calls around them used nothing, whatever a batch tells of all its lines.
    let around = "SELECT * FROM usage WHERE endpoint IN ('files', 'batches', 'messages.batches')";
    let around = apart.query(around);
    assert!(around.len() >= 18, "{}", around.len());
    for row in &around {
        let seen = (row.usd("cost_usd"), row.text("usage_source"), row.number("status"));
        assert_eq!(seen, (Some(Usd::ZERO), "none", 200), "{row:?}");
    }
}

/// The process is killed at random moments of a download, again and again.
#[test]
fn kills_at_random_moments_of_a_download_lose_no_line_and_count_none_twice() {
    const LINES_ALL: usize = 3_000;
    let kills = if tools::is_long() { 60 } else { 8 };
    let tollgate = Tollgate::start(&setup());
    let client = tollgate.client("search");
    let file = make(&client, LINES_ALL);
    let mut dice = Dice::new();
    let mut whole = 0;
    for _ in 0..kills {
        let (client, file) = (client.clone(), file.clone());
        let downloading = thread::spawn(move || download(&client, &file));
        thread::sleep(Duration::from_millis(dice.between(1, 250)));
        tollgate.kill();
        whole += u32::from(downloading.join().unwrap().is_some());
        tollgate.restart();
    }
    let last = download(&client, &file).unwrap();
    assert_eq!(last.body.lines().count(), LINES_ALL);
    eprintln!("{whole} of {kills} downloads were whole before the kill");
    assert!(tollgate.stop().success());
    let rows = tollgate.query(LINES);
    assert_eq!(rows.len(), LINES_ALL);
    assert!(assert_billed(&rows, &tollgate.providers.bill()) > Usd::ZERO);
}

#[test]
fn a_part_of_the_results_is_answered_with_the_whole() {
    let tollgate = Tollgate::start(&setup());
    let client = tollgate.client("search");
    let file = make(&client, 40);
    let path = format!("/v1/files/{file}/content");
    let part = call(&client, Method::GET, &path).header("range", "bytes=100-2000");
    let told = run(client.send(part)).unwrap();
    assert_eq!((told.status, told.body.lines().count()), (200, 40));
    // The same file by another address is the same file.
    let path = format!("/passthrough/openai/files/{}/content", file.replace('-', "%2D"));
    let again = run(client.send(client.call(Method::GET, &path))).unwrap();
    assert!(again.body == told.body, "{}", again.status);
    assert!(tollgate.stop().success());
    assert_eq!(tollgate.query(LINES).len(), 40);
}

#[test]
fn a_budget_of_known_amounts_refuses_batches_and_one_that_allows_them_is_charged_once() {
    let tollgate = Tollgate::start(&setup().budget("tiny", "5"));
    let strict = tollgate.client("tiny");
    let body = json!({"input_file_id": "file-1", "endpoint": "/v1/chat/completions"});
    let refused = run(strict.send(call(&strict, Method::POST, "/v1/batches").json(&body))).unwrap();
    let error = refused.error();
    assert_eq!((refused.status, error["code"].as_str()), (402, Some("batch_unbounded")), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`tiny-monthly`") && message.contains("on_unpriced"), "{message}");
    // To look at batches costs nothing, so that nothing refuses it.
    let upload = call(&strict, Method::POST, "/v1/files").body("{}\n");
    assert_eq!(run(strict.send(upload)).unwrap().status, 200);

    let client = tollgate.client("search");
    let file = make(&client, 50);
    for _ in 0..3 {
        assert_eq!(download(&client, &file).unwrap().body.lines().count(), 50);
    }
    let sum = "SELECT SUM(cost_usd) AS cost_usd FROM usage WHERE team = 'search'";
    wait_for("the lines in the lake", Duration::from_secs(30), || {
        (tollgate.query(LINES).len() == 50).then_some(())
    });
    let cost = tollgate.query(sum)[0].usd("cost_usd").unwrap();
    let limit: Usd = "50".parse().unwrap();
    let mut small = chat("openai/gpt-5.4-mini");
    small["max_tokens"] = 9.into();
    let answer = run(client.served(&small));
    let left: Usd = answer.header("x-tollgate-budget-remaining-usd").parse().unwrap();
    // What the chat holds is far less than the lines would cost again.
    let held = limit - cost - left;
    assert!(Usd::ZERO <= held && held < cost, "{held} {cost}");
}
