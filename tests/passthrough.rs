//! What is passed on as it is: every call is one row, its cost is right or unknown, and the provider
//! never sees whose key it was.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use events::{Meter, Meters};
use reqwest::Method;
use serde_json::{Value, json};
use units::Usd;

use crate::harness::client::{chat, stream};
use crate::harness::providers::price;
use crate::harness::{Answer, Client, Row, Setup, Shared, Tollgate, run, tools};

static SHARED: Shared = Shared::new();

fn setup() -> Setup {
    let echo = format!(
        "\n[[provider]]\nname = \"echo\"\ndialect = \"cohere_chat\"\nprices = \"cohere\"\n\
         base_url = \"http://{}/base/v2\"\napi_key = \"file:provider-key\"\n",
        echo()
    );
    Setup::default()
        .with(&echo)
        .route("instruct", &["openai/gpt-3.5-turbo-instruct"], "")
        .route("picture", &["unreachable/gpt-image-1", "openai/gpt-image-1"], "")
        .route("heard", &["openai/whisper-1"], "")
        .route("spoken", &["openai/tts-1"], "")
        .route("omni-moderation-latest", &["openai/omni-moderation-latest"], "")
        .route("elsewhere", &["anthropic/claude-sonnet-5-5"], "")
        .budget("tiny", "0.5")
}

fn start() -> Arc<Tollgate> {
    SHARED.get(setup)
}

/// A server that answers with the request it received, and a cookie.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || repeat(stream));
        }
    });
    address
}

fn repeat(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let from = head.len();
        if reader.read_line(&mut head).ok()? <= 2 {
            break;
        }
        let line = head[from..].to_ascii_lowercase();
        length = line.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let said = json!({"head": head, "body": String::from_utf8_lossy(&body)}).to_string();
    let answer = format!(
        "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nset-cookie: a=b\r\n\
         x-mine: kept\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    );
    stream.write_all(answer.as_bytes()).ok()
}

/// Sends a request to an address of the gateway.
fn send(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let request = client.call(method, path);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    run(client.send(request)).unwrap()
}

fn post(client: &Client, path: &str, body: &Value) -> Answer {
    send(client, Method::POST, path, Some(body))
}

/// The row tells what is priced so, and says who told it.
fn assert_cost(row: &Row, model: &str, meters: Meters, source: &str) {
    let cost = price(model, &meters);
    assert!(cost.is_some(), "{model} has a price");
    assert_eq!((row.usd("cost_usd"), row.text("usage_source")), (cost, source), "{row:?}");
}

/// The row tells that nothing is known.
fn assert_unknown(row: &Row, endpoint: &str) {
    assert_eq!(row.usd("cost_usd"), None, "{row:?}");
    assert_eq!(row.text("usage_source"), "unknown", "{row:?}");
    assert_eq!((row.text("endpoint"), row.number("input_tokens_total")), (endpoint, 0));
}

/// The row tells that nothing was used, whatever the answer tells of what others used.
fn assert_free(row: &Row, endpoint: &str) {
    assert_eq!(row.usd("cost_usd"), Some(Usd::ZERO), "{row:?}");
    assert_eq!(row.text("usage_source"), "none", "{row:?}");
    assert_eq!((row.text("endpoint"), row.number("input_tokens_total")), (endpoint, 0));
}

#[test]
fn the_python_sdk_does_more_than_chat_and_every_call_is_a_row() {
    let tollgate = start();
    let client = tollgate.client("search");
    let text = tools::python("openai_more.py", &[&client.base_url(), client.key()]);
    let seen: Value = serde_json::from_str(&text).unwrap();
    let row = |name: &str| tollgate.row_of(seen[name].as_str().unwrap());
    for (name, tokens) in [("completion", 7), ("completion_stream", 5)] {
        let row = row(name);
        let used = Meters::NONE
            .with(Meter::InputText, row.number("input_tokens_total"))
            .with(Meter::OutputText, tokens);
        assert_cost(&row, "gpt-3.5-turbo-instruct", used, "provider");
        assert_eq!((row.text("endpoint"), row.text("customer")), ("completions", "globex"));
    }
    for (name, endpoint, pictures, seen_pictures) in
        [("image", "images.generations", 2, 0), ("image_edit", "images.edits", 1, 1)]
    {
        let rows = tollgate.rows_of(&[seen[name].as_str().unwrap().to_owned()]);
        let [failed, row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(
            (failed.text("error_class"), failed.usd("cost_usd")),
            ("upstream_connect", Some(Usd::ZERO))
        );
        let words = row.number("input_tokens_total") - seen_pictures * 272;
        let used = Meters::NONE
            .with(Meter::InputText, words)
            .with(Meter::InputImage, seen_pictures * 272)
            .with(Meter::OutputImage, pictures * 272);
        assert_cost(row, "gpt-image-1", used, "provider");
        assert_eq!((row.text("endpoint"), row.text("route")), (endpoint, "picture"));
    }
    let by_piece = row("image_by_piece");
    assert_eq!((by_piece.usd("cost_usd"), by_piece.text("usage_source")), (None, "provider"));
    let seconds = Meters::NONE.with(Meter::AudioSeconds, 9);
    assert_cost(&row("transcription"), "whisper-1", seconds, "provider");
    let by_token = row("transcription_tokens");
    let used = Meters::NONE
        .with(Meter::InputAudio, 90)
        .with(Meter::OutputText, by_token.number("output_tokens_total"));
    assert_cost(&by_token, "gpt-4o-transcribe", used, "provider");
    assert_unknown(&row("translation_text"), "audio.translations");
    let letters = Meters::NONE.with(Meter::Characters, "Tolls are paid.".len() as u64);
    assert_cost(&row("speech"), "tts-1", letters, "estimated");
    assert_unknown(&row("moderation"), "moderations");
    for name in ["file", "file_get", "file_content", "file_delete"] {
        assert_free(&row(name), "files");
    }
    for name in ["batch", "batch_get", "batch_cancel"] {
        assert_free(&row(name), "batches");
    }
    assert_eq!(row("file_get").text("provider"), "openai");
}

#[test]
fn an_application_on_azure_changes_its_endpoint_and_nothing_else() {
    let tollgate = start();
    let client = tollgate.client("search");
    let text = tools::python("azure_sdk.py", &[&client.base_url(), client.key()]);
    let seen: Value = serde_json::from_str(&text).unwrap();
    for (name, endpoint, dialect, asked, is_known) in [
        ("response", "chat", "openai_responses", "openai/gpt-5.4", true),
        ("completion", "completions", "openai_chat", "instruct", true),
        ("image", "images.generations", "openai_chat", "picture", true),
        ("image_edit", "images.edits", "openai_chat", "picture", true),
        ("transcription", "audio.transcriptions", "openai_chat", "heard", true),
        ("translation", "audio.translations", "openai_chat", "heard", false),
        ("speech", "audio.speech", "openai_chat", "spoken", true),
        ("embedding", "embeddings", "openai_chat", "openai/text-embedding-3-small", true),
        ("file", "files", "openai_chat", "", false),
        ("file_get", "files", "openai_chat", "", false),
    ] {
        let rows = tollgate.rows_of(&[seen[name].as_str().unwrap().to_owned()]);
        let row = rows.last().unwrap();
        assert_eq!((row.text("endpoint"), row.text("dialect_in")), (endpoint, dialect), "{row:?}");
        assert_eq!((row.text("model_asked"), row.text("customer")), (asked, "globex"), "{row:?}");
        assert_eq!(row.usd("cost_usd").is_some_and(|cost| !cost.is_zero()), is_known, "{row:?}");
    }
}

#[test]
fn a_provider_sees_the_gateways_credential_and_nobody_elses() {
    let tollgate = start();
    let client = tollgate.client("search");
    let request = client
        .call(Method::PUT, "/passthrough/echo/datasets/d%2F1?key=tg_other&page=2")
        .header("x-api-key", client.key())
        .header("cookie", "a=b")
        .header("x-tollgate-feature", "upload")
        .header("x-their-own", "kept")
        .header("accept-encoding", "gzip")
        .body("{\"model\":\"command-a-03-2025\",\"text\":\"x\"}")
        .header("content-type", "application/json");
    let answer = run(client.send(request)).unwrap();
    assert_eq!((answer.status, answer.header("x-mine")), (202, "kept"), "{answer:?}");
    assert_eq!(answer.header("set-cookie"), "");
    let said = answer.json();
    let head = said["head"].as_str().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("put /base/v2/datasets/d%2f1?page=2 http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer sk-simulated\r\n"), "{head}");
    assert!(head.contains("x-their-own: kept\r\n"), "{head}");
    for hidden in [client.key(), "x-api-key", "cookie", "x-tollgate", "accept-encoding", "tg_"] {
        assert!(!head.contains(&hidden.to_ascii_lowercase()), "{hidden} in {head}");
    }
    assert_eq!(said["body"], "{\"model\":\"command-a-03-2025\",\"text\":\"x\"}");
    let row = tollgate.row_of(&answer.request_id());
    assert_unknown(&row, "passthrough");
    assert_eq!((row.text("provider"), row.text("feature")), ("echo", "upload"));
    assert_eq!(row.text("model_asked"), "command-a-03-2025");
    assert_eq!((row.number("status"), row.text("route")), (202, "passthrough/echo"));
}

#[test]
fn chats_that_are_passed_on_are_metered_by_what_they_tell() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut with_usage = stream("gpt-5.4");
    with_usage["stream_options"] = json!({"include_usage": true});
    let mut message = chat("claude-sonnet-5-5");
    message["max_tokens"] = 100.into();
    message["messages"].as_array_mut().unwrap().remove(0);
    let mut streamed_message = message.clone();
    streamed_message["stream"] = true.into();
    let question = json!({"model": "gpt-5.4", "input": "Say something about tolls."});
    for (path, body) in [
        ("/passthrough/openai/chat/completions", chat("gpt-5.4")),
        ("/passthrough/openai/chat/completions", with_usage),
        ("/passthrough/openai/responses", question),
        ("/passthrough/anthropic/messages", message),
        ("/passthrough/anthropic/messages", streamed_message),
    ] {
        let answer = post(&client, path, &body);
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        let row = tollgate.row_of(&answer.request_id());
        let bill = tollgate.providers.bill();
        let billed = bill.request(row.text("upstream_request_id")).unwrap();
        assert_eq!(row.text("usage_source"), "provider", "{row:?}");
        assert_eq!(row.number("input_tokens_total"), billed.quantities.prompt_tokens(), "{path}");
        assert_eq!(row.number("output_tokens_total"), billed.quantities.output_tokens, "{path}");
        let cost = crate::harness::providers::cost(&billed.model, &billed.quantities);
        assert_eq!((row.usd("cost_usd"), cost.is_some()), (cost, true), "{path}");
        assert_eq!(row.flag("is_stream"), body["stream"] == true);
    }
    let untold = post(&client, "/passthrough/openai/chat/completions", &stream("gpt-5.4"));
    assert!(untold.is_done(), "{untold:?}");
    assert_unknown(&tollgate.row_of(&untold.request_id()), "passthrough");
}

#[test]
fn what_a_provider_refuses_is_told_as_it_is_and_costs_nothing() {
    let tollgate = start();
    let client = tollgate.client("search");
    let answer =
        post(&client, "/passthrough/openai/chat/completions", &json!({"model": "gpt-5.4"}));
    assert_eq!(answer.status, 400, "{answer:?}");
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!(
        (row.text("error_class"), row.usd("cost_usd")),
        ("invalid_request", Some(Usd::ZERO))
    );
    assert_eq!((row.number("status"), row.text("usage_source")), (400, "none"));
}

#[test]
fn nothing_passes_that_is_not_allowed() {
    let tollgate = start();
    let client = tollgate.client("search");
    let bound = client.with_key(&tollgate.key("search", &["--route", "instruct"]));
    crate::harness::wait_for("the bound key", std::time::Duration::from_secs(10), || {
        (run(bound.models()) == 200).then_some(())
    });
    let stranger = client.with_key("tg_nobody");
    for (who, path, status, code) in [
        (&stranger, "/passthrough/openai/files", 401, "invalid_api_key"),
        (&bound, "/passthrough/openai/files", 403, "provider_not_allowed"),
        (&bound, "/v1/messages/batches", 403, "provider_not_allowed"),
        (&client, "/passthrough/nobody/files", 404, "provider_not_found"),
        (&client, "/passthrough/openai/%2e%2e%2fadmin", 400, "path_not_allowed"),
        (&client, "/passthrough/openai//evil.example/x", 400, "path_not_allowed"),
        (&client, "/v1/files", 400, "provider_not_chosen"),
    ] {
        let answer = send(who, Method::GET, path, None);
        let error = answer.error();
        assert_eq!(answer.status, status, "{path} {answer:?}");
        if !path.starts_with("/v1/messages") {
            assert_eq!(error["code"], code, "{path} {error}");
        }
    }
    let foreign =
        post(&client, "/v1/images/generations", &json!({"model": "elsewhere", "prompt": "x"}));
    assert_eq!(
        (foreign.status, foreign.error()["code"].clone()),
        (400, json!("unsupported_dialect"))
    );
}

#[test]
fn the_batches_of_the_other_provider_are_found_by_their_address() {
    let tollgate = start();
    let client = tollgate.client("search");
    let version =
        |method, path: &str| client.call(method, path).header("anthropic-version", "2023-06-01");
    let params = chat("claude-haiku-5-5");
    let params =
        json!({"model": params["model"], "max_tokens": 9, "messages": [params["messages"][1]]});
    let body = json!({"requests": [{"custom_id": "a", "params": params}]});
    let made = run(client.send(version(Method::POST, "/v1/messages/batches").json(&body))).unwrap();
    assert_eq!((made.status, made.header("x-tollgate-provider")), (200, "anthropic"), "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/messages/batches/{id}/results");
    let results = run(client.send(version(Method::GET, &path))).unwrap();
    assert_eq!(results.body.lines().count(), 1, "{results:?}");
    let row = tollgate.row_of(&results.request_id());
    assert_free(&row, "messages.batches");
    assert_eq!(row.number("response_bytes"), results.body.len() as u64);
    let file = run(client.send(version(Method::POST, "/v1/files").body("x"))).unwrap();
    assert_eq!((file.status, file.json()["type"].clone()), (200, json!("file")), "{file:?}");
    assert_eq!(tollgate.row_of(&file.request_id()).text("provider"), "anthropic");
}

#[test]
fn a_hard_budget_refuses_what_may_cost_more_than_it_has() {
    let tollgate = start();
    let client = tollgate.client("tiny");
    let picture = json!({"model": "openai/gpt-image-1", "prompt": "x"});
    let refused = post(&client, "/v1/images/generations", &picture);
    assert_eq!(refused.error()["code"], "request_exceeds_budget", "{refused:?}");
    let row = tollgate.row_of(&refused.request_id());
    assert_eq!(
        (row.text("error_class"), row.usd("cost_usd")),
        ("budget_exceeded", Some(Usd::ZERO))
    );
    // What costs little for certain is let through, and so is what only looks.
    let spoken = json!({"model": "spoken", "voice": "alloy", "input": "Hello."});
    let said = run(async {
        loop {
            let answer = client.send(client.call(Method::POST, "/v1/audio/speech").json(&spoken));
            let answer = answer.await.unwrap();
            if answer.status != 503 {
                return answer;
            }
        }
    });
    assert_eq!(said.status, 200, "{}", said.body.len());
    let looked = send(&client, Method::GET, "/passthrough/openai/files/file-1", None);
    assert_eq!(looked.status, 200, "{looked:?}");
    assert_free(&tollgate.row_of(&looked.request_id()), "passthrough");
}
