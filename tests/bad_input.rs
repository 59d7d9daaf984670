//! Bad input of every kind: each gets a clear error, and nothing is lost.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::client::{chat, stream};
use crate::harness::{Answer, Client, Setup, Shared, Tollgate, process, run, wait_for};

static SHARED: Shared = Shared::new();

/// Bytes of a MiB.
const MIB: usize = 1 << 20;

fn setup() -> Setup {
    Setup::default()
        .route("sturdy", &["openai/gpt-5.4-nano", "anthropic/claude-haiku-5-5"], "")
        .route("fragile", &["openai/gpt-5.4-nano"], "")
}

fn start() -> std::sync::Arc<Tollgate> {
    let tollgate = SHARED.get(setup);
    tollgate.providers.set_fault("gpt-5.4-nano", "garbage").unwrap();
    tollgate
}

fn send_text(client: &Client, text: impl Into<reqwest::Body>) -> Answer {
    let request = client.request().header(CONTENT_TYPE, "application/json").body(text);
    run(client.send(request)).unwrap()
}

/// What every error has: words for people, a kind and a code for programs, the request's id.
fn assert_error(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    let error = answer.error();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{error}");
    assert!(error["type"].is_string() && error.get("param").is_some(), "{error}");
    assert_eq!(error["request_id"], answer.request_id(), "{error}");
    error
}

fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap()
}

#[test]
fn malformed_json_is_told_with_line_and_column() {
    let tollgate = start();
    let client = tollgate.client("search");
    let answer = send_text(&client, "{\"model\": \"gpt-5.4\",\n  oops}");
    assert_eq!(answer.status, 400, "{answer:?}");
    let error = answer.error();
    assert!(message(&error).contains("line 2 column 3"), "{error}");
    for text in ["", "[]", "null", "{\"model\":7}", "{\"messages\":[]}", "\u{feff}{"] {
        let answer = send_text(&client, text);
        assert_eq!(
            (answer.status, &answer.error()["type"]),
            (400, &json!("invalid_request_error"))
        );
    }
}

#[test]
fn a_wrong_parameter_is_named() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut body = chat("openai/gpt-5.4");
    body["max_tokens"] = "many".into();
    let answer = run(client.ask(&body));
    assert_eq!((answer.status, &answer.error()["param"]), (400, &json!("max_tokens")));
}

#[test]
fn an_unknown_model_is_404_and_an_unknown_path_says_what_is_served() {
    let tollgate = start();
    let client = tollgate.client("search");
    for model in ["no-such-model", "azure/gpt-5.4", "openai/", ""] {
        let answer = run(client.ask(&chat(model)));
        if model.is_empty() {
            assert_eq!(answer.status, 400, "{answer:?}");
        } else {
            let error = assert_error(&answer, 404, "model_not_found");
            assert_eq!(error["param"], "model");
            assert!(message(&error).contains(model), "{error}");
        }
    }
    let url = format!("{}/nothing-here", client.base_url());
    let request = reqwest::Client::new().post(url).bearer_auth(client.key()).json(&json!({}));
    let answer = run(client.send(request)).unwrap();
    let error = assert_error(&answer, 404, "path_not_found");
    assert!(message(&error).contains("POST /v1/chat/completions"), "{error}");
}

#[test]
fn a_missing_and_a_wrong_key_are_told_apart() {
    let tollgate = start();
    let client = tollgate.client("search");
    let url = format!("{}/chat/completions", client.base_url());
    let request = reqwest::Client::new().post(url).json(&chat("openai/gpt-5.4"));
    let error = assert_error(&run(client.send(request)).unwrap(), 401, "missing_api_key");
    assert!(message(&error).contains("tollgate key create"), "{error}");
    for wrong in ["tg_wrong", "sk-simulated", "x"] {
        let answer = run(client.with_key(wrong).ask(&chat("openai/gpt-5.4")));
        let error = assert_error(&answer, 401, "invalid_api_key");
        assert!(!answer.body.contains(wrong) || wrong == "x", "a key is never repeated: {error}");
    }
}

#[test]
fn a_revoked_key_stops_working_within_a_second() {
    let tollgate = start();
    let client = tollgate.client("search");
    let key = tollgate.key("search", &["--name", "to be revoked"]);
    let revoked = client.with_key(&key);
    wait_for("the key to work", Duration::from_secs(10), || {
        (run(revoked.models()) == 200).then_some(())
    });
    let keys = tollgate.command(&["key", "list", "--output", "json"]).succeeded();
    assert!(!keys.contains(&key), "a list never shows a secret");
    let keys: Value = serde_json::from_str(&keys).unwrap();
    let keys = keys.as_array().unwrap();
    let found = keys.iter().find(|key| key["name"] == "to be revoked").unwrap();
    tollgate.command(&["key", "revoke", found["id"].as_str().unwrap()]).succeeded();
    let revoked_at = Instant::now();
    wait_for("the key to be refused", Duration::from_secs(5), || {
        (run(revoked.models()) == 401).then_some(())
    });
    assert!(revoked_at.elapsed() < Duration::from_secs(1), "{:?}", revoked_at.elapsed());
    assert_error(&run(revoked.ask(&chat("openai/gpt-5.4"))), 401, "invalid_api_key");
    assert_eq!(run(client.models()), 200, "other keys go on working");
}

#[test]
fn a_body_of_33_mib_is_413_and_one_just_under_32_mib_is_answered() {
    let tollgate = start();
    let client = tollgate.client("search");
    // The announcement alone is enough: nothing of the body need be sent.
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        client.key(),
        33 * MIB,
    );
    let mut stream = TcpStream::connect(tollgate.addresses.gateway).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 413 ") && text.contains("server.body_bytes_max"), "{text}");
    let mut body = chat("openai/gpt-5.4-mini");
    let room = 32 * MIB - body.to_string().len() - 100;
    body["messages"][1]["content"] = "toll ".repeat(room / 5).into();
    let text = body.to_string();
    assert!(text.len() > 32 * MIB - 200 && text.len() <= 32 * MIB);
    let answer = send_text(&client, text.clone());
    assert_eq!(answer.status, 200, "{answer:?}");
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!(row.number("request_bytes"), text.len() as u64);
    assert_eq!(row.usd("cost_usd"), answer.cost());
}

#[test]
fn an_unsupported_media_type_is_415() {
    let tollgate = start();
    let client = tollgate.client("search");
    let text = chat("openai/gpt-5.4").to_string();
    let request = client.request().header(CONTENT_TYPE, "text/plain").body(text);
    let error = assert_error(&run(client.send(request)).unwrap(), 415, "unsupported_media_type");
    assert!(message(&error).contains("application/json"), "{error}");
}

#[test]
fn an_upstream_that_answers_garbage_is_failed_over_or_502() {
    let tollgate = start();
    let client = tollgate.client("search");
    for body in [chat("sturdy"), stream("sturdy")] {
        let answer = run(client.ask(&body));
        assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, "anthropic"));
        let rows = tollgate.rows_of(&[answer.request_id()]);
        assert_eq!(rows[0].text("error_class"), "upstream_garbage", "{rows:?}");
    }
    for body in [chat("fragile"), stream("fragile")] {
        let answer = run(client.ask(&body));
        let error = assert_error(&answer, 502, "upstream_garbage");
        let attempts = error["metadata"]["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), &attempts[0]["provider"]), (1, &json!("openai")), "{error}");
        assert_eq!(answer.header("x-should-retry"), "true");
        let row = tollgate.row_of(&answer.request_id());
        assert_eq!((row.number("status"), row.text("fault")), (502, "upstream"), "{row:?}");
    }
}

#[test]
fn an_unknown_configuration_key_is_told_with_file_line_and_remedy() {
    let setup = Setup { server: "shutdown_grace = 5".to_owned(), ..Setup::default() };
    let tollgate = Tollgate::prepare(&setup);
    let text = fs::read_to_string(tollgate.path().join("tollgate.toml")).unwrap();
    let line = text.lines().position(|line| line.starts_with("shutdown_grace")).unwrap() + 1;
    for command in [&["config", "check"][..], &["serve"], &["key", "list"]] {
        let ended = tollgate.command(command);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(&format!("tollgate.toml:{line}:")), "{}", ended.err);
        assert!(ended.err.contains("did you mean `shutdown_grace_ms`?"), "{}", ended.err);
    }
}

#[test]
fn a_price_file_that_does_not_parse_is_told_with_file_line_and_column() {
    let setup = Setup::default().with("\n[pricing]\nfile = \"prices.json\"\n");
    let tollgate = Tollgate::prepare(&setup);
    fs::write(tollgate.path().join("prices.json"), "{\n  \"providers\": oops\n}\n").unwrap();
    for command in [&["config", "check"][..], &["serve"]] {
        let ended = tollgate.command(command);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("prices.json:2:"), "{}", ended.err);
    }
    fs::remove_file(tollgate.path().join("prices.json")).unwrap();
    let ended = tollgate.command(&["config", "check"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("prices.json") && ended.err.contains("pricing.file"));
}

#[test]
fn an_address_in_use_is_told_with_its_setting() {
    for setting in ["server.gateway", "server.console"] {
        let tollgate = Tollgate::prepare(&Setup::default());
        let address = match setting {
            "server.gateway" => tollgate.addresses.gateway,
            _ => tollgate.addresses.console,
        };
        let _taken = TcpListener::bind(address).unwrap();
        let ended = tollgate.command(&["serve"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let told = [&address.to_string(), setting, "another process"];
        assert!(told.iter().all(|word| ended.err.contains(*word)), "{}", ended.err);
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
    }
}

/// A small disk for the spool, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one where this user may; else there is none.
    fn mount(path: &Path, mib: usize) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(path);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just being killed may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_refuses_what_it_cannot_record_and_loses_nothing() {
    // Where no small disk may be mounted, the smallest quota does the same.
    let setup = Setup {
        commit_interval_ms: 3_600_000,
        storage: "spool_quota_bytes = 33554432".to_owned(),
        ..Setup::default()
    };
    let tollgate = Tollgate::prepare(&setup);
    // Unmounted after the process is gone: dropped in this order.
    let disk = SmallDisk::mount(&tollgate.data().join("spool"), 20);
    eprintln!("a small disk is {}", if disk.is_some() { "mounted" } else { "not to be had" });
    tollgate.restart();
    let client = tollgate.client("search");
    let labels = (0..32).map(|n| (format!("{n:03}{}", "k".repeat(250)), "v".repeat(250).into()));
    let mut body = chat("openai/gpt-5.4");
    body["metadata"] = Value::Object(labels.collect());
    body["max_tokens"] = 4.into();
    let mut answered = Vec::new();
    let refused = loop {
        let answer = run(client.ask(&body));
        if answer.status != 200 {
            break answer;
        }
        answered.push(answer.request_id());
        assert!(answered.len() < 5_000, "the disk never filled");
    };
    let error = assert_error(&refused, 503, "spool_full");
    assert!(message(&error).contains("record"), "{error}");
    assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{refused:?}");
    assert_eq!(process::probe(tollgate.addresses.gateway, "/readyz"), Some(503));
    assert_eq!(process::probe(tollgate.addresses.gateway, "/healthz"), Some(200));
    assert!(answered.len() > 100, "{} answered", answered.len());
    assert!(tollgate.stop().success());
    let rows = tollgate.query("SELECT request_id FROM usage WHERE status = 200");
    let mut held: Vec<&str> = rows.iter().map(|row| row.text("request_id")).collect();
    held.sort_unstable();
    answered.sort_unstable();
    assert_eq!(held, answered, "every answer is recorded, once");
    // Committed is deleted: there is room again.
    tollgate.restart();
    assert_eq!(run(client.ask(&body)).status, 200);
    tollgate.kill();
    drop(disk);
}
