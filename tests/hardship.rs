//! What a network does to a gateway: large bodies that fail over, slow ones, clients that wait to be
//! asked, providers that hang, limit, or close connections that are kept for the next request.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::harness::client::{chat, stream};
use crate::harness::{Client, Setup, Shared, Tollgate, process, run, wait_for};

static SHARED: Shared = Shared::new();

/// Longest wait for one of the slow providers, milliseconds.
const TTFB_MS: u64 = 700;

fn setup() -> Setup {
    let server = "body_read_timeout_ms = 1000".to_owned();
    let setup = Setup { server, ..Setup::default() };
    let hanging = format!(
        "\n[[route]]\nname = \"impatient\"\ntargets = [\n  {{ provider = \"openai\", model = \
         \"gpt-5.4-nano\", ttfb_timeout_ms = {TTFB_MS} }},\n  {{ provider = \"openai\", model = \
         \"gpt-5.4\" }},\n]\n"
    );
    setup
        .route("large", &["openai/gpt-5.4-mini-2026-03-17", "anthropic/claude-haiku-5-5"], "")
        .route("limited", &["openai/gpt-5.4-2026-03-05", "anthropic/claude-haiku-5-5"], "")
        .with(&hanging)
}

fn start() -> std::sync::Arc<Tollgate> {
    let tollgate = SHARED.get(setup);
    for (model, script) in [
        ("gpt-5.4-nano", "hang"),
        ("gpt-5.4-mini-2026-03-17", "status=503"),
        ("gpt-5.4-2026-03-05", "status=429&retry_after=7"),
    ] {
        tollgate.providers.set_fault(model, script).unwrap();
    }
    tollgate
}

/// A request's head, to be followed by `length` bytes of body.
fn head(client: &Client, length: usize, more: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n",
        client.key(),
    )
}

fn connect(tollgate: &Tollgate) -> TcpStream {
    let stream = TcpStream::connect(tollgate.addresses.gateway).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads until the connection brings `mark`.
fn read_until(stream: &mut TcpStream, mark: &str) -> String {
    let mut bytes = Vec::new();
    let mut more = [0; 4096];
    while !String::from_utf8_lossy(&bytes).contains(mark) {
        let count = stream.read(&mut more).unwrap();
        assert!(count > 0, "closed before {mark:?}: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&more[..count]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_body_of_two_mebibytes_fails_over_whole() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut body = chat("large");
    body["messages"][1]["content"] = "toll ".repeat((2 << 20) / 5).into();
    for is_stream in [false, true] {
        body["stream"] = is_stream.into();
        let answer = run(client.ask(&body));
        assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, "2"), "{answer:?}");
        let rows = tollgate.rows_of(&[answer.request_id()]);
        // Every word arrived: what the second provider counted.
        assert!(rows[1].number("input_tokens_total") > (2 << 20) / 5, "{:?}", rows[1]);
    }
}

#[test]
fn a_chunked_body_is_read_like_any_other() {
    let tollgate = start();
    let client = tollgate.client("search");
    let text = chat("openai/gpt-5.4").to_string();
    let (first, second) = text.split_at(40);
    let mut stream = connect(&tollgate);
    let head = head(&client, 0, "transfer-encoding: chunked\r\nconnection: close\r\n");
    let head = head.replace("content-length: 0\r\n", "");
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    for part in [head, chunk(first), chunk(second), "0\r\n\r\n".to_owned()] {
        stream.write_all(part.as_bytes()).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("chat.completion"), "{answer}");
}

#[test]
fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let tollgate = start();
    let client = tollgate.client("search");
    let text = chat("openai/gpt-5.4").to_string();
    let mut stream = connect(&tollgate);
    let head = head(&client, text.len(), "expect: 100-continue\r\nconnection: close\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_body_that_does_not_arrive_is_given_up_in_bounded_time() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut stream = connect(&tollgate);
    let started = Instant::now();
    stream.write_all(head(&client, 1_000, "").as_bytes()).unwrap();
    stream.write_all(b"{\"model\":").unwrap();
    let answer = read_until(&mut stream, "body_timeout");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn bodies_of_all_requests_share_a_bounded_memory() {
    let server = "body_memory_bytes_max = 50331648".to_owned();
    let tollgate = Tollgate::start(&Setup { server, ..Setup::default() });
    let client = tollgate.client("search");
    // Both hold most of the memory; the second finds none left and is told to come again.
    let length = 30 << 20;
    let mut slow = connect(&tollgate);
    slow.write_all(head(&client, length, "").as_bytes()).unwrap();
    let mut hog = chat("openai/gpt-5.4");
    hog["messages"][1]["content"] = "x".repeat(28 << 20).into();
    let text = hog.to_string();
    slow.write_all(&text.as_bytes()[..27 << 20]).unwrap();
    let request = client.request().header(CONTENT_TYPE, "application/json").body(text);
    let answer = run(client.send(request)).unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.error()["code"], "body_memory_exhausted");
    assert_eq!(answer.header("retry-after"), "1");
    drop(slow);
    wait_for("the memory to be given back", Duration::from_secs(10), || {
        (run(client.ask(&chat("openai/gpt-5.4"))).status == 200).then_some(())
    });
}

#[test]
fn a_provider_that_hangs_is_left_for_the_next_in_time() {
    let tollgate = start();
    let client = tollgate.client("search");
    for body in [chat("impatient"), stream("impatient")] {
        let started = Instant::now();
        let answer = run(client.ask(&body));
        assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, "2"), "{answer:?}");
        assert!(started.elapsed() >= Duration::from_millis(TTFB_MS), "{:?}", started.elapsed());
        let rows = tollgate.rows_of(&[answer.request_id()]);
        assert_eq!(rows[0].text("error_class"), "upstream_timeout", "{:?}", rows[0]);
    }
}

#[test]
fn a_limit_of_a_provider_fails_over_and_is_told_when_nobody_is_left() {
    let tollgate = start();
    let client = tollgate.client("search");
    let answer = run(client.ask(&stream("limited")));
    assert!(answer.is_done() && answer.header("x-tollgate-provider") == "anthropic", "{answer:?}");
    let answer = run(client.ask(&chat("openai/gpt-5.4-2026-03-05")));
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"), "{answer:?}");
    assert_eq!(answer.error()["type"], "rate_limit_error");
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!((row.text("error_class"), row.text("fault")), ("upstream_rate_limited", "upstream"));
}

/// Whether the beginning of any segment holds a text.
fn is_in_spool(tollgate: &Tollgate, text: &str) -> bool {
    let epochs = fs::read_dir(tollgate.data().join("spool")).unwrap().map_while(Result::ok);
    let files = epochs.filter_map(|epoch| fs::read_dir(epoch.path()).ok()).flatten();
    // A segment that is not needed any more may go at any moment.
    let mut beginnings = files.map_while(Result::ok).filter_map(|file| {
        let mut bytes = Vec::new();
        fs::File::open(file.path()).ok()?.take(1 << 20).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    });
    beginnings.any(|bytes| String::from_utf8_lossy(&bytes).contains(text))
}

#[test]
fn a_client_that_leaves_before_the_answer_is_recorded_and_frees_the_provider() {
    let tollgate = start();
    tollgate.providers.set_fault("gpt-5.4-pro", "delay_ms=30000").unwrap();
    let client = tollgate.client("search");
    let text = chat("openai/gpt-5.4-pro").to_string();
    let mut leaving = connect(&tollgate);
    leaving.write_all(head(&client, text.len(), "").as_bytes()).unwrap();
    leaving.write_all(text.as_bytes()).unwrap();
    // What is about to be sent is on record before its first byte leaves.
    wait_for("the request to be under way", Duration::from_secs(10), || {
        is_in_spool(&tollgate, "gpt-5.4-pro").then_some(())
    });
    drop(leaving);
    let sql = "SELECT * FROM usage WHERE model_resolved = 'gpt-5.4-pro'";
    let row = wait_for("its row", Duration::from_secs(15), || tollgate.query(sql).pop());
    assert_eq!((row.text("error_class"), row.flag("is_final")), ("client_gone", true), "{row:?}");
    assert!(row.number("duration_us") < 10_000_000, "it was not waited for: {row:?}");
}

#[test]
fn requests_on_one_connection_never_see_each_others_answers() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut connection = connect(&tollgate);
    // A refusal before the body was read, then an answer: on new connections or the same.
    for (model, status) in [("openai/gpt-5.4", 200), ("no-such-model", 404), ("limited", 200)] {
        let text = chat(model).to_string();
        connection.write_all((head(&client, text.len(), "") + &text).as_bytes()).unwrap();
        let mark = if status == 200 { "\"usage\"" } else { "request_id\"" };
        let answer = read_until(&mut connection, mark);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{model}: {answer}");
    }
    assert_eq!(process::probe(tollgate.addresses.gateway, "/readyz"), Some(200));
}

#[test]
fn attribution_is_read_from_the_body_and_a_providers_own_limits_are_told_apart() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut body = chat("openai/gpt-5.4");
    body["user"] = "ada".into();
    body["metadata"] = json!({"customer": "globex", "env": "test"});
    let answer = run(client.ask(&body));
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!((row.text("user_id"), row.text("customer")), ("ada", "globex"));
    assert_eq!(answer.header("x-upstream-ratelimit-limit-requests"), "10000", "{answer:?}");
}
