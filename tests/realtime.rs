//! Realtime sessions: every response metered to its last token, a cap that ends a session before it is
//! passed, and sessions that end in every other way.

use std::time::Duration;

use events::{Meter, Meters};
use pricing::{PriceBook, PriceContext, Query};
use reqwest::{StatusCode, Upgraded};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use units::{Clock, SystemClock, Usd};

use crate::harness::{Client, Row, Setup, Shared, Tollgate, run, tools, wait_for};

/// Longest wait for a word of the gateway's.
const PATIENCE: Duration = Duration::from_secs(20);

static SHARED: Shared = Shared::new();

fn setup() -> Setup {
    Setup::default()
        .route("voice", &["openai/gpt-realtime"], "")
        .route("voice-left", &["openai/gpt-realtime-1.5"], "")
        .route("voice-kept", &["openai/gpt-realtime-1.5"], "on_client_gone = \"drain\"\n")
        .route("voice-cut", &["openai/gpt-realtime-mini"], "")
        .route("voice-failover", &["unreachable/gpt-realtime", "openai/gpt-realtime"], "")
        .route("voice-elsewhere", &["anthropic/claude-sonnet-5-5"], "")
}

/// What the SDK saw.
fn sdk(client: &Client, model: &str, more: &[&str]) -> Value {
    let base_url = client.base_url();
    let arguments = [&[base_url.as_str(), client.key(), model], more].concat();
    serde_json::from_str(&tools::python("realtime_sdk.py", &arguments)).unwrap()
}

/// The rows of a session, oldest first, once there are so many.
fn rows_of(tollgate: &Tollgate, session: &str, count: usize) -> Vec<Row> {
    let sql =
        format!("SELECT * FROM usage WHERE session_id = '{session}' ORDER BY received_at, attempt");
    wait_for(&format!("{count} rows of {session}"), Duration::from_secs(30), || {
        let rows = tollgate.query(&sql);
        (rows.len() >= count).then_some(rows)
    })
}

/// A meter's quantity; nothing is NULL.
fn tokens(row: &Row, column: &str) -> u64 {
    if row.is_null(column) { 0 } else { row.number(column) }
}

/// What a usage comes to at list prices, read with no code of the product's.
fn cost(usage: &Value) -> Usd {
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let [text, audio] = ["text_tokens", "audio_tokens"];
    let input = |kind: &str| count(&format!("/input_token_details/{kind}"));
    let cached = |kind: &str| count(&format!("/input_token_details/cached_tokens_details/{kind}"));
    let output = |kind: &str| count(&format!("/output_token_details/{kind}"));
    let meters = Meters::NONE
        .with(Meter::InputText, input(text) - cached(text))
        .with(Meter::InputAudio, input(audio) - cached(audio))
        .with(Meter::CacheReadText, cached(text))
        .with(Meter::CacheReadAudio, cached(audio))
        .with(Meter::OutputText, output(text))
        .with(Meter::OutputAudio, output(audio));
    let query = Query {
        provider: "openai",
        model: "gpt-realtime",
        at: SystemClock.now(),
        context: PriceContext::NONE,
        meters: &meters,
    };
    PriceBook::embedded().unwrap().price(&query).unwrap().cost
}

#[test]
fn every_response_of_a_session_is_metered_exactly_and_once() {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    let seen = sdk(&client, "voice", &[]);
    assert_eq!(seen["errors"], json!([]));
    let responses = seen["responses"].as_array().unwrap();
    let rows = rows_of(&tollgate, seen["request_id"].as_str().unwrap(), 2);
    assert_eq!((rows.len(), responses.len()), (2, 2), "{rows:?}");
    assert_eq!(rows[0].text("request_id"), seen["request_id"].as_str().unwrap());
    assert_eq!(rows[1].text("parent_id"), seen["request_id"].as_str().unwrap());
    for (row, response) in rows.iter().zip(responses) {
        let usage = &response["usage"];
        assert_eq!((row.text("endpoint"), row.text("usage_source")), ("realtime", "provider"));
        assert_eq!((row.text("route"), row.text("model_resolved")), ("voice", "gpt-realtime"));
        assert_eq!((row.text("team"), row.text("customer")), ("search", "globex"));
        assert_eq!((row.number("status"), row.text("finish_reason")), (101, "stop"));
        assert!(row.flag("is_final") && row.flag("is_stream") && !row.flag("is_waste"));
        assert_eq!(row.text("upstream_request_id"), response["id"].as_str().unwrap());
        assert_eq!(Some(row.number("input_tokens_total")), usage["input_tokens"].as_u64());
        assert_eq!(Some(row.number("output_tokens_total")), usage["output_tokens"].as_u64());
        let spoken = usage.pointer("/output_token_details/audio_tokens").unwrap().as_u64();
        assert_eq!(Some(tokens(row, "output_audio_tokens")), spoken);
        assert_eq!(row.usd("cost_usd"), Some(cost(usage)));
        let billed = tollgate.providers.bill().request(response["id"].as_str().unwrap()).cloned();
        let billed = billed.unwrap().quantities;
        assert_eq!(row.number("input_tokens_total"), billed.prompt_tokens());
        assert_eq!(row.number("output_tokens_total"), billed.output_tokens);
    }
    assert_eq!(tokens(&rows[1], "output_audio_tokens") % 5, 0);
    assert!(
        tokens(&rows[1], "output_audio_tokens") > 0 && tokens(&rows[1], "input_audio_tokens") > 0
    );
}

#[test]
fn what_a_further_model_writes_down_is_a_row_beside_the_response_it_was_said_for() {
    let cap: Usd = "50".parse().unwrap();
    let tollgate = Tollgate::start(&setup().budget("support", &cap.to_string()));
    let seen = sdk(&tollgate.client("support"), "voice", &["dictate"]);
    assert_eq!(seen["errors"], json!([]));
    let transcripts = seen["transcripts"].as_array().unwrap();
    let rows = rows_of(&tollgate, seen["request_id"].as_str().unwrap(), 4);
    let (own, beside): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.flag("is_final"));
    assert_eq!((own.len(), beside.len(), transcripts.len()), (2, 2, 2), "{rows:?}");
    let bill = tollgate.providers.bill();
    for ((own, beside), told) in own.iter().zip(&beside).zip(transcripts) {
        assert_eq!(beside.text("request_id"), own.text("request_id"));
        assert_eq!(beside.text("reason"), "caused:input_audio_transcription");
        assert_eq!(beside.text("model_resolved"), "gpt-4o-transcribe");
        assert_eq!((beside.text("usage_source"), beside.text("team")), ("provider", "support"));
        let (heard, said) =
            (beside.number("input_tokens_total"), beside.number("output_tokens_total"));
        assert_eq!(Some(heard), told["usage"]["input_tokens"].as_u64());
        assert_eq!(Some(said), told["usage"]["output_tokens"].as_u64());
        let billed = bill.request(told["item"].as_str().unwrap()).unwrap();
        assert_eq!(
            (heard, said),
            (billed.quantities.input_tokens, billed.quantities.output_tokens)
        );
        let meters = Meters::NONE.with(Meter::InputAudio, heard).with(Meter::OutputText, said);
        let (provider, model) = ("openai", "gpt-4o-transcribe");
        let (at, context) = (SystemClock.now(), PriceContext::NONE);
        let query = Query { provider, model, at, context, meters: &meters };
        let book = PriceBook::embedded().unwrap();
        assert_eq!(beside.usd("cost_usd"), book.price(&query).map(|priced| priced.cost));
    }
}

#[test]
fn a_session_ends_at_its_cap_with_words_and_never_passes_it() {
    let cap: Usd = "1.30".parse().unwrap();
    let tollgate = Tollgate::start(&setup().budget("support", &cap.to_string()));
    let client = tollgate.client("support");
    let seen = sdk(&client, "voice", &["40", "8000"]);
    assert_eq!(
        (seen["code"].as_u64(), &seen["errors"][0]["code"]),
        (Some(1008), &json!("budget_exceeded")),
        "{seen}"
    );
    let told = seen["errors"][0]["message"].as_str().unwrap();
    assert!(told.contains("support-monthly") && told.contains("resets at"), "{told}");
    let responses = seen["responses"].as_array().unwrap();
    assert!((2..40).contains(&responses.len()), "{}", responses.len());
    let rows = rows_of(&tollgate, seen["request_id"].as_str().unwrap(), responses.len());
    assert_eq!(rows.len(), responses.len());
    let spent: Usd = rows.iter().map(|row| row.usd("cost_usd").unwrap()).sum();
    let told: Usd = responses.iter().map(|response| cost(&response["usage"])).sum();
    assert_eq!(spent, told);
    assert!(spent <= cap && spent > Usd::ZERO, "{spent} of {cap}");
    // What is left does not pay for the dearest response a new session could have.
    let (status, refused) = run(refused(&client, "voice"));
    assert_eq!((status, &refused["error"]["code"]), (402, &json!("budget_exceeded")), "{refused}");
}

#[test]
fn a_handshake_that_leads_nowhere_is_an_answer_of_the_usual_kind() {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    let told = |client: &Client, model: &str| {
        let (status, body) = run(refused(client, model));
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let code = |text: &str| text.to_owned();
    assert_eq!(told(&client.with_key("tg_wrong"), "voice"), (401, code("invalid_api_key")));
    assert_eq!(told(&client, "nothing"), (404, code("model_not_found")));
    assert_eq!(told(&client, "voice-elsewhere"), (400, code("unsupported_dialect")));
    assert_eq!(told(&client, "openai/gpt-realtime+status=429").0, 429);
    assert_eq!(told(&client, "openai/gpt-realtime+status=401").0, 502);
    let plain = run(async {
        let url = format!("{}/realtime?model=voice", client.base_url());
        let sent = reqwest::Client::new().get(url).bearer_auth(client.key()).send().await;
        sent.unwrap().status().as_u16()
    });
    assert_eq!(plain, 426);
}

#[test]
fn a_session_fails_over_and_a_browser_may_send_its_key_as_a_protocol() {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    let (request_id, protocol) = run(async {
        let protocols = format!("realtime, openai-insecure-api-key.{}", client.key());
        let url = format!("{}/realtime?model=voice-failover", client.base_url());
        let asked = handshake(&url).header("sec-websocket-protocol", protocols);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let seen = (header("x-tollgate-request-id"), header("sec-websocket-protocol"));
        let mut line = Line::over(answer.upgrade().await.unwrap());
        line.hear("session.created").await;
        line.say(&json!({"type": "response.create"})).await;
        line.hear("\"response.done\"").await;
        seen
    });
    assert_eq!(protocol, "realtime");
    let rows = rows_of(&tollgate, &request_id, 2);
    assert_eq!(
        (rows[0].text("error_class"), rows[0].flag("is_final")),
        ("upstream_connect", false)
    );
    assert_eq!((rows[1].number("attempt"), rows[1].flag("is_final")), (2, true));
    assert_eq!(rows[1].text("usage_source"), "provider");
}

#[test]
fn a_client_that_leaves_ends_the_response_and_what_it_used_is_told() {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    for (model, words) in [("voice-left", "2000"), ("voice-kept", "60")] {
        let fault = format!("words={words}&chunk_ms=20");
        tollgate.providers.set_fault("gpt-realtime-1.5", &fault).unwrap();
        let request_id = run(async {
            let (request_id, mut line) = Line::begin(&client, model).await;
            line.say(&json!({"type": "response.create"})).await;
            line.hear("response.output_audio.delta").await;
            request_id
        });
        let row = rows_of(&tollgate, &request_id, 1).remove(0);
        assert_eq!(row.text("error_class"), "client_gone");
        assert_eq!((row.text("usage_source"), row.flag("is_waste")), ("drained", true), "{model}");
        let bill = tollgate.providers.bill();
        let billed = bill.request(row.text("upstream_request_id")).unwrap();
        assert_eq!(row.number("output_tokens_total"), billed.quantities.output_tokens);
        assert_eq!(billed.is_complete, model == "voice-kept");
    }
}

#[test]
fn a_provider_that_vanishes_is_told_to_the_client_and_its_response_estimated() {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    tollgate.providers.set_fault("gpt-realtime-mini", "cut_after=5").unwrap();
    let (request_id, heard) = run(async {
        let (request_id, mut line) = Line::begin(&client, "voice-cut").await;
        line.say(&json!({"type": "response.create"})).await;
        (request_id, line.rest().await)
    });
    assert!(heard.contains("upstream_cut"), "{heard}");
    let row = rows_of(&tollgate, &request_id, 1).remove(0);
    assert_eq!((row.text("error_class"), row.text("usage_source")), ("upstream_cut", "estimated"));
    assert!(row.number("output_tokens_total") > 0 && row.usd("cost_usd") > Some(Usd::ZERO));
}

#[test]
fn a_response_under_way_survives_a_kill_at_what_it_held() {
    let tollgate = Tollgate::start(&setup().budget("support", "5"));
    let client = tollgate.client("support");
    tollgate.providers.set_fault("gpt-realtime", "words=2000&chunk_ms=20").unwrap();
    let request_id = run(async {
        let (request_id, mut line) = Line::begin(&client, "voice").await;
        line.say(&json!({"type": "response.create"})).await;
        line.hear("response.output_audio.delta").await;
        tollgate.kill();
        request_id
    });
    tollgate.restart();
    let rows = rows_of(&tollgate, &request_id, 1);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].text("error_class"), rows[0].text("usage_source")),
        ("interrupted", "estimated")
    );
    // 4,096 tokens in and 16,000 out, at the dearest.
    assert_eq!(rows[0].usd("cost_usd"), Some("1.155072".parse().unwrap()));
}

/// A request that asks for a session.
fn handshake(url: &str) -> reqwest::RequestBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .build()
        .unwrap()
        .get(url)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-extensions", "permessage-deflate")
}

/// Status and body of a handshake that leads nowhere.
async fn refused(client: &Client, model: &str) -> (u16, Value) {
    let url = format!("{}/realtime?model={}", client.base_url(), model.replace('+', "%2B"));
    let answer = handshake(&url).bearer_auth(client.key()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// A session seen as it is on the wire.
struct Line {
    stream: Upgraded,
    heard: String,
}

impl Line {
    fn over(stream: Upgraded) -> Self {
        Self { stream, heard: String::new() }
    }

    /// Begins a session; gives its id, too.
    async fn begin(client: &Client, model: &str) -> (String, Self) {
        let url = format!("{}/realtime?model={}", client.base_url(), model.replace('+', "%2B"));
        let answer = handshake(&url).bearer_auth(client.key()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(answer.headers().contains_key("sec-websocket-accept"));
        assert!(!answer.headers().contains_key("sec-websocket-extensions"));
        let request_id = answer.headers()["x-tollgate-request-id"].to_str().unwrap().to_owned();
        (request_id, Self::over(answer.upgrade().await.unwrap()))
    }

    /// Says an event: one frame, masked with zeros, which change nothing.
    async fn say(&mut self, event: &Value) {
        let text = event.to_string();
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).unwrap();
        let head = [0x81, 0x80 | length, 0, 0, 0, 0];
        self.stream.write_all(&[&head[..], text.as_bytes()].concat()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Hears until something was said.
    async fn hear(&mut self, what: &str) {
        while !self.heard.contains(what) {
            assert!(self.more().await, "`{what}` is not in {}", self.heard);
        }
    }

    /// Hears to the end.
    async fn rest(mut self) -> String {
        while self.more().await {}
        self.heard
    }

    async fn more(&mut self) -> bool {
        let mut bytes = vec![0; 16 << 10];
        let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await.unwrap();
        let length = read.unwrap_or(0);
        self.heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
        length > 0
    }
}
