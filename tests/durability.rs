//! Durability: what was answered is in the ledger, once, whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use units::Usd;

use crate::harness::client::{chat, read_some, stream};
use crate::harness::dice::Dice;
use crate::harness::{Answer, Client, Row, Setup, Tollgate, providers, run, tools, wait_for};

/// Bytes at the start of a segment that hold its header.
const HEADER_BYTES: usize = 4096;

/// What one client saw of its requests.
#[derive(Debug, Default)]
struct Seen {
    /// Complete answers: cost and tokens they told, by request id.
    answered: BTreeMap<String, Told>,
    /// Requests without a complete answer.
    broken: u32,
}

/// What an answer says it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    cost: Usd,
    input: u64,
    output: u64,
}

impl Told {
    fn of(answer: &Answer) -> Option<Self> {
        let cost = answer.cost()?;
        let usage = match answer.body.starts_with("data: ") {
            true => answer.events().pop()?["usage"].take(),
            false => answer.json()["usage"].take(),
        };
        let count = |name: &str| usage[name].as_u64();
        Some(Self { cost, input: count("prompt_tokens")?, output: count("completion_tokens")? })
    }
}

/// Asks until told to stop, as an application with a retry loop would.
async fn ask_until(stop: Arc<AtomicBool>, client: Client, number: usize) -> Seen {
    let models = ["openai/gpt-5.4", "anthropic/claude-haiku-5-5", "openai/gpt-5.4-mini"];
    let mut seen = Seen::default();
    let mut turn = number;
    while !stop.load(Ordering::SeqCst) {
        turn += 1;
        let mut body = chat(models[turn % models.len()]);
        body["max_tokens"] = 64.into();
        if turn.is_multiple_of(2) {
            body["stream"] = true.into();
            body["stream_options"] = json!({"include_usage": true});
        }
        let answer = client.send(client.request().json(&body)).await;
        match answer.as_ref().ok().and_then(|answer| Some((answer, Told::of(answer)?))) {
            Some((answer, told)) => {
                seen.answered.insert(answer.request_id(), told);
            }
            None => {
                // Killed, starting, or cut: nothing else may go wrong.
                let status = answer.as_ref().map_or(0, |answer| answer.status);
                assert!([0, 200, 503].contains(&status), "{answer:?}");
                seen.broken += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    seen
}

/// Kills the process again and again under load, then gives what the clients saw.
fn storm(tollgate: &Tollgate, clients: usize, kills: u32) -> Seen {
    let client = tollgate.client("search");
    let stop = Arc::new(AtomicBool::new(false));
    run(async {
        let mut asking = JoinSet::new();
        for number in 0..clients {
            asking.spawn(ask_until(Arc::clone(&stop), client.clone(), number));
        }
        let mut dice = Dice::new();
        for _ in 0..kills {
            tokio::time::sleep(Duration::from_millis(dice.between(200, 900))).await;
            tollgate.kill();
            tollgate.restart();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.store(true, Ordering::SeqCst);
        let mut seen = Seen::default();
        while let Some(one) = asking.join_next().await {
            let one = one.unwrap();
            seen.answered.extend(one.answered);
            seen.broken += one.broken;
        }
        seen
    })
}

#[test]
fn kills_at_random_moments_under_load_lose_nothing_and_count_nothing_twice() {
    let (clients, kills) = if tools::is_long() { (64, 100) } else { (12, 20) };
    let tollgate = Tollgate::start(&Setup::default());
    let seen = storm(&tollgate, clients, kills);
    assert!(tollgate.stop().success());
    let rows = tollgate.query(
        "SELECT request_id, attempt, is_final, status, error_class, cost_usd, node_id, epoch, seq, \
         input_tokens_total, output_tokens_total, upstream_request_id FROM usage",
    );
    eprintln!("{} answered, {} broken, {} rows", seen.answered.len(), seen.broken, rows.len());
    assert!(seen.answered.len() > 100 && seen.broken > 0, "the storm was too mild");
    let attempts: BTreeSet<(&str, u64)> =
        rows.iter().map(|row| (row.text("request_id"), row.number("attempt"))).collect();
    assert_eq!(attempts.len(), rows.len(), "a row for each attempt, and no more");
    let places: BTreeSet<(&str, &str, u64)> = rows
        .iter()
        .map(|row| (row.text("node_id"), row.text("epoch"), row.number("seq")))
        .collect();
    assert_eq!(places.len(), rows.len(), "node, epoch and sequence tell rows apart");
    let finals: BTreeMap<&str, &Row> = rows
        .iter()
        .filter(|row| row.flag("is_final"))
        .map(|row| (row.text("request_id"), row))
        .collect();
    assert_eq!(finals.len(), rows.len(), "nothing failed over here: every row is its request's");
    for (id, told) in &seen.answered {
        let row = finals.get(id.as_str()).unwrap_or_else(|| panic!("{id} was answered and lost"));
        let held = Told {
            cost: row.usd("cost_usd").unwrap(),
            input: row.number("input_tokens_total"),
            output: row.number("output_tokens_total"),
        };
        assert_eq!((held, row.text("error_class")), (*told, ""), "{id}: {row:?}");
    }
    let told: Usd = seen.answered.values().map(|told| told.cost).sum();
    let of_answered = rows.iter().filter(|row| seen.answered.contains_key(row.text("request_id")));
    let held: Usd = of_answered.filter_map(|row| row.usd("cost_usd")).sum();
    assert_eq!(held, told, "what the clients saw, to the last digit");
    let recorded: Usd = rows.iter().filter_map(|row| row.usd("cost_usd")).sum();
    let billed = providers::total(&tollgate.providers.bill().requests);
    assert!(billed <= recorded, "what a kill interrupted counts in full: {billed}, {recorded}");
}

#[test]
fn a_stream_is_on_record_before_its_client_can_know_that_it_is_complete() {
    let tollgate = Tollgate::start(&uncommitted());
    // The provider keeps the connection open for a while after its last event.
    tollgate.providers.set_fault("", "words=2&chunk_ms=500").unwrap();
    let client = tollgate.client("search");
    for model in ["openai/gpt-5.4", "anthropic/claude-haiku-5-5"] {
        let mut body = stream(model);
        body["stream_options"] = json!({"include_usage": true});
        let answer = run(async {
            let mut open = client.open(&body).await;
            let (status, headers) = (open.status().as_u16(), open.headers().clone());
            let mut text = String::new();
            while !text.contains("data: [DONE]") {
                text.push_str(&read_some(&mut open, 1).await);
            }
            Answer { status, headers, body: text }
        });
        tollgate.kill();
        tollgate.restart();
        let row = tollgate.row_of(&answer.request_id());
        assert_eq!(row.text("error_class"), "", "{model}: {row:?}");
        assert_eq!((row.usd("cost_usd"), answer.cost().is_some()), (answer.cost(), true));
    }
}

#[test]
fn an_answered_request_shows_in_a_query_within_five_seconds() {
    let tollgate = Tollgate::start(&Setup { commit_interval_ms: 2_000, ..Setup::default() });
    let client = tollgate.client("search");
    for _ in 0..3 {
        let answer = run(client.ask(&chat("openai/gpt-5.4")));
        let answered = Instant::now();
        let sql =
            format!("SELECT cost_usd FROM usage WHERE request_id = '{}'", answer.request_id());
        let row =
            wait_for("the request to show", Duration::from_secs(5), || tollgate.query(&sql).pop());
        assert!(answered.elapsed() <= Duration::from_secs(5), "{:?}", answered.elapsed());
        assert_eq!(row.usd("cost_usd"), answer.cost());
    }
}

/// Segments with at least a header, in the order of use.
fn segments(spool: &Path) -> Vec<PathBuf> {
    let mut segments = Vec::new();
    for epoch in fs::read_dir(spool).unwrap() {
        for file in fs::read_dir(epoch.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "seg") && written(&path) > 0 {
                segments.push(path);
            }
        }
    }
    segments.sort();
    segments
}

/// Bytes of a segment up to the last that is not zero.
fn written(segment: &Path) -> usize {
    let bytes = fs::read(segment).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A Tollgate that commits nothing by itself, so that everything is still in the spool.
fn uncommitted() -> Setup {
    Setup { commit_interval_ms: 3_600_000, ..Setup::default() }
}

fn ask_many(client: &Client, count: usize, body: &Value) -> Vec<String> {
    run(async {
        let mut asked = JoinSet::new();
        let mut ids = Vec::new();
        for _ in 0..count {
            if asked.len() >= 8 {
                ids.push(asked.join_next().await.unwrap().unwrap());
            }
            let (client, body) = (client.clone(), body.clone());
            asked.spawn(async move {
                let answer = client.ask(&body).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                answer.request_id()
            });
        }
        while let Some(id) = asked.join_next().await {
            ids.push(id.unwrap());
        }
        ids
    })
}

#[test]
fn a_spool_segment_cut_in_half_gives_what_it_still_holds_and_says_so() {
    let tollgate = Tollgate::start(&uncommitted());
    let ids = ask_many(&tollgate.client("search"), 40, &chat("openai/gpt-5.4"));
    tollgate.kill();
    let segment = segments(&tollgate.data().join("spool")).pop().unwrap();
    let half = (HEADER_BYTES + written(&segment)) / 2;
    OpenOptions::new().write(true).open(&segment).unwrap().set_len(half as u64).unwrap();
    tollgate.restart();
    let log = tollgate.log();
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(log.contains("the end of the spool was cut off") && log.contains(name), "{log}");
    let held = tollgate.query("SELECT request_id, attempt FROM usage");
    let held: Vec<&str> = held.iter().map(|row| row.text("request_id")).collect();
    let distinct: BTreeSet<&str> = held.iter().copied().collect();
    assert_eq!(distinct.len(), held.len(), "nothing twice");
    assert!(distinct.iter().all(|id| ids.iter().any(|known| known == id)), "nothing made up");
    assert!((10..40).contains(&held.len()), "about half of 40: {}", held.len());
    let left: Vec<PathBuf> = segments(&tollgate.data().join("spool"));
    assert!(!left.contains(&segment), "what was recovered is committed and gone");
}

#[test]
fn damage_in_the_middle_of_a_spool_is_an_error_that_names_the_file_and_deletes_nothing() {
    let tollgate = Tollgate::start(&uncommitted());
    let client = tollgate.client("search");
    let spool = tollgate.data().join("spool");
    // Large records, so that the log soon goes on in a second segment.
    let labels = (0..32).map(|n| (format!("{n:03}{}", "k".repeat(250)), "v".repeat(250).into()));
    let mut body = chat("openai/gpt-5.4");
    body["metadata"] = Value::Object(labels.collect());
    body["max_tokens"] = 4.into();
    while segments(&spool).len() < 2 {
        ask_many(&client, 100, &body);
    }
    ask_many(&client, 20, &body);
    tollgate.kill();
    let damaged = segments(&spool).remove(0);
    let middle = written(&damaged) as u64 / 2;
    let file = OpenOptions::new().read(true).write(true).open(&damaged).unwrap();
    let mut bytes = [0; 16];
    file.read_exact_at(&mut bytes, middle).unwrap();
    file.write_all_at(&bytes.map(|byte| !byte), middle).unwrap();
    let before = fs::read(&damaged).unwrap();
    let mut process = tollgate.spawn();
    assert_eq!(process.ended().code(), Some(1));
    let log = process.log();
    let name = damaged.display().to_string();
    assert!(log.contains(&name) && log.contains("is damaged at byte"), "{log}");
    assert!(log.contains("restore it from a copy"), "the remedy is told: {log}");
    assert_eq!(fs::read(&damaged).unwrap(), before, "nothing was deleted");
    // The remedy works: without that epoch it serves again.
    fs::rename(damaged.parent().unwrap(), tollgate.path().join("damaged")).unwrap();
    tollgate.restart();
}

#[test]
fn an_orderly_stop_lets_streams_finish_and_loses_nothing() {
    let tollgate = Tollgate::start(&uncommitted());
    tollgate.providers.set_fault("gpt-5.4-mini", "words=60&chunk_ms=30").unwrap();
    let client = tollgate.client("search");
    let before = ask_many(&client, 10, &chat("openai/gpt-5.4"));
    let streams: Vec<String> = run(async {
        let mut open = Vec::new();
        for _ in 0..6 {
            let mut answer = client.open(&stream("openai/gpt-5.4-mini")).await;
            let beginning = read_some(&mut answer, 1).await;
            open.push((answer, beginning));
        }
        let mut process = tollgate.terminate();
        let mut ids = Vec::new();
        for (answer, mut text) in open {
            let id = answer.headers()["x-tollgate-request-id"].to_str().unwrap().to_owned();
            text.push_str(&answer.text().await.unwrap());
            assert!(text.trim_end().ends_with("data: [DONE]"), "cut by the stop: {text}");
            ids.push(id);
        }
        assert!(process.ended().success(), "{}", process.log());
        ids
    });
    let rows = tollgate.query("SELECT request_id, is_final, error_class FROM usage");
    assert_eq!(rows.len(), before.len() + streams.len(), "committed before the process ended");
    for row in &rows {
        assert!(row.is_null("error_class") && row.flag("is_final"), "{row:?}");
    }
    let recorded: BTreeSet<&str> = rows.iter().map(|row| row.text("request_id")).collect();
    for id in before.iter().chain(&streams) {
        assert!(recorded.contains(id.as_str()), "{id}");
    }
}
