//! A gateway in this process, set up in a line or two, and the laws that hold whenever one ends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use events::{Frame, Intent, UsageEvent};
use gateway::Engine;
use serde_json::{Value, json};
use simulator::{Simulator, SimulatorOptions};
use tokio::sync::watch;
use units::{UnixMicros, Usd};

pub(crate) use crate::setup::Setup;

/// The key every client uses.
pub(crate) const CLIENT_SECRET: &str = "tg_a-client-of-the-tests";
/// The key the gateway itself has at each provider.
pub(crate) const PROVIDER_SECRET: &str = "sk-of-the-gateway-0123456789";
/// A priced model of each dialect.
pub(crate) const OPENAI_MODEL: &str = "gpt-5.4-mini";
pub(crate) const ANTHROPIC_MODEL: &str = "claude-haiku-4-5";
/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});
static CLIENT: LazyLock<reqwest::Client> =
    LazyLock::new(|| reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap());

/// Runs what the providers and the clients do, on a runtime that is not the gateway's.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Lets something run beside the gateway, on that runtime.
pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(
    future: F,
) -> tokio::task::JoinHandle<()> {
    RUNTIME.spawn(future)
}

/// Polls until `condition` holds; fails when it does not in time.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Providers of both dialects that behave unless told otherwise.
pub(crate) fn simulator() -> Simulator {
    wait(Simulator::start(SimulatorOptions::default())).unwrap()
}

/// A request of one message.
pub(crate) fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Tell me of the sea."}]})
}

/// The same, streamed.
pub(crate) fn ask_stream(model: &str) -> Value {
    let mut body = ask(model);
    body["stream"] = true.into();
    body
}

/// A gateway that serves.
pub(crate) struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    pub(crate) thread: Option<JoinHandle<()>>,
    /// Stops what runs beside it.
    pub(crate) stopping: watch::Sender<bool>,
    /// Keeps its leases.
    pub(crate) leases: Option<tokio::task::JoinHandle<()>>,
    pub(crate) dir: tempfile::TempDir,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header's text, empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `code` of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The events of a stream, without the closing one.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]").map(|d| serde_json::from_str(d).unwrap()).collect()
    }

    /// Whether a stream ended as a complete one does.
    pub(crate) fn is_done(&self) -> bool {
        self.text.ends_with("data: [DONE]\n\n")
    }

    /// The text a stream brought.
    pub(crate) fn streamed_text(&self) -> String {
        let piece =
            |event: &Value| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
        self.events().iter().filter_map(piece).collect()
    }
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

impl Gateway {
    /// A request with the client's key.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        CLIENT.request(method, self.url(path)).bearer_auth(CLIENT_SECRET)
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks for a chat completion.
    pub(crate) fn chat(&self, body: &Value) -> Answer {
        self.chat_with(body, &[])
    }

    /// The same with more headers.
    pub(crate) fn chat_with(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request("POST", "/v1/chat/completions").json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        wait(send(request)).unwrap()
    }

    /// Everything in the spool by now.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let frames = self.engine.accounting.spool.read(0, 100_000).unwrap();
        frames.into_iter().map(|(_, frame)| frame).collect()
    }

    /// Everything settled by now.
    pub(crate) fn settled(&self) -> Vec<UsageEvent> {
        let settled = |frame| match frame {
            Frame::Settled(event, _) => Some(*event),
            Frame::Opened(_) | Frame::Beside(..) => None,
        };
        self.frames().into_iter().filter_map(settled).collect()
    }

    /// Everything settled by now on models other than those that answered.
    pub(crate) fn beside(&self) -> Vec<UsageEvent> {
        let beside = |frame| match frame {
            Frame::Beside(event, _) => Some(*event),
            Frame::Opened(_) | Frame::Settled(..) => None,
        };
        self.frames().into_iter().filter_map(beside).collect()
    }

    /// Everything opened by now.
    pub(crate) fn opened(&self) -> Vec<Intent> {
        let opened = |frame| match frame {
            Frame::Opened(intent) => Some(*intent),
            Frame::Settled(..) | Frame::Beside(..) => None,
        };
        self.frames().into_iter().filter_map(opened).collect()
    }

    /// How the one budget stands.
    pub(crate) fn budget(&self) -> policy::BudgetStatus {
        let now: UnixMicros = self.engine.accounting.clock.now();
        self.engine.accounting.treasury.status(now).remove(0)
    }

    /// Waits until nothing is under way.
    pub(crate) fn idle(&self) {
        eventually("nothing is under way", || self.engine.drain.in_flight() == 0);
    }

    /// Waits until nothing is under way, then stops it, checks what always holds, and gives what
    /// was settled.
    pub(crate) fn close(self) -> Vec<UsageEvent> {
        self.idle();
        self.stop()
    }

    /// Stops it as it is.
    pub(crate) fn stop(mut self) -> Vec<UsageEvent> {
        self.end();
        let settled = self.settled();
        check(&self, &settled);
        settled
    }

    /// Stops it where the one budget does not count every row, or more than them.
    pub(crate) fn stop_unchecked(mut self) -> Vec<UsageEvent> {
        self.end();
        self.settled()
    }

    fn end(&mut self) {
        self.engine.drain.stop();
        let thread = self.thread.take().unwrap();
        eventually("the gateway ends", || thread.is_finished());
        thread.join().unwrap();
        self.stopping.send_replace(true);
        wait(self.leases.take().unwrap()).unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.engine.drain.stop();
        self.stopping.send_replace(true);
    }
}

/// Whatever happened: memory and money are given back, every attempt opened is settled once, one
/// row of each request is final, the budget's counter is the sum of the rows, and no secret is kept.
fn check(gateway: &Gateway, settled: &[UsageEvent]) {
    assert_eq!(gateway.engine.memory.used(), 0, "body memory");
    assert_eq!(gateway.engine.drain.in_flight(), 0, "requests under way");
    let mut attempts: Vec<_> = settled.iter().map(|e| (e.ids.request_id, e.ids.attempt)).collect();
    let mut opened: Vec<_> = gateway.opened().iter().map(Intent::attempt).collect();
    opened.sort();
    attempts.sort();
    let sent: Vec<_> = attempts.iter().filter(|(_, attempt)| *attempt > 0).copied().collect();
    assert_eq!(opened, sent, "each attempt opened is settled, once");
    let mut finals: HashMap<_, usize> = HashMap::new();
    for event in settled {
        *finals.entry(event.ids.request_id).or_default() += usize::from(event.decision.is_final);
        let nothing_known = event.cost.billed.is_none();
        assert!(!nothing_known || event.model.priced.is_none(), "priced but without a cost");
    }
    assert!(finals.values().all(|count| *count == 1), "one final row each: {finals:?}");
    if let Some(budget) = gateway.engine.accounting.treasury.status(now(gateway)).first() {
        assert_eq!(budget.reserved, Usd::ZERO, "reservations");
        let beside = gateway.beside();
        let rows = settled.iter().chain(&beside);
        let spent: Usd = rows.filter_map(|event| event.cost.billed).sum();
        assert_eq!(budget.spent, spent, "the budget counts what the rows cost");
    }
    let kept = serde_json::to_string(settled).unwrap();
    assert!(!kept.contains(PROVIDER_SECRET) && !kept.contains(CLIENT_SECRET), "a secret is kept");
}

fn now(gateway: &Gateway) -> UnixMicros {
    gateway.engine.accounting.clock.now()
}
