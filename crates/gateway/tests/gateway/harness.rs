//! A gateway in this process, set up in a line or two, and the laws that hold whenever one ends.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use events::{Dialect, Frame, Intent, UsageEvent};
use gateway::{Accounting, BodyMemory, Drain, Engine, EngineOptions, Listen, Provider, Upstream};
use policy::{
    Budget, ClientFields, Key, OnClientGone, OnTight, OnUnpriced, OutputHistory, Route, Scope,
    Snapshot, Target, Treasury, hash_secret,
};
use pricing::PriceBook;
use serde_json::{Value, json};
use simulator::{Simulator, SimulatorOptions};
use spool::{RealDisk, Spool, SpoolOptions};
use units::{BillingZone, Clock, KeyId, Secret, SystemClock, UnixMicros, Usd};

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
static PRICES: LazyLock<Arc<PriceBook>> =
    LazyLock::new(|| Arc::new(PriceBook::embedded().unwrap()));
static CLIENT: LazyLock<reqwest::Client> =
    LazyLock::new(|| reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap());

/// Runs what the providers and the clients do, on a runtime that is not the gateway's.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
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

/// What a gateway is started with.
pub(crate) struct Setup {
    pub(crate) providers: Vec<Provider>,
    pub(crate) routes: Vec<Route>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) key: Key,
    pub(crate) body_bytes_max: usize,
    pub(crate) body_time_max: Duration,
    pub(crate) memory_bytes_max: u64,
    pub(crate) denied_status: u16,
    pub(crate) slots_max: u32,
    pub(crate) grace: Duration,
    pub(crate) version: u64,
}

impl Setup {
    /// Nothing to route to yet.
    pub(crate) fn new() -> Self {
        Self {
            providers: Vec::new(),
            routes: Vec::new(),
            budgets: Vec::new(),
            key: key(),
            body_bytes_max: 32 << 20,
            body_time_max: Duration::from_secs(10),
            memory_bytes_max: 256 << 20,
            denied_status: 402,
            slots_max: 4096,
            grace: PATIENCE,
            version: 1,
        }
    }

    /// Both dialects of a simulator, as routes `openai`, `anthropic`, and `both` in that order.
    pub(crate) fn of(simulator: &Simulator) -> Self {
        Self::new()
            .provider("openai", Dialect::OpenaiChat, &simulator.base_url())
            .provider("anthropic", Dialect::AnthropicMessages, &simulator.base_url())
            .route("openai", &[("openai", OPENAI_MODEL)])
            .route("anthropic", &[("anthropic", ANTHROPIC_MODEL)])
            .route("both", &[("openai", OPENAI_MODEL), ("anthropic", ANTHROPIC_MODEL)])
    }

    /// One provider of the OpenAI dialect, as route `raw`.
    pub(crate) fn raw(base_url: &str) -> Self {
        Self::new().and_raw(base_url)
    }

    /// Adds such a provider and its route.
    pub(crate) fn and_raw(self, base_url: &str) -> Self {
        self.provider("raw", Dialect::OpenaiChat, base_url).route("raw", &[("raw", OPENAI_MODEL)])
    }

    /// Adds a provider that is priced as the vendor of its dialect.
    pub(crate) fn provider(mut self, name: &str, dialect: Dialect, base_url: &str) -> Self {
        let prices = match dialect {
            Dialect::OpenaiChat => "openai",
            Dialect::AnthropicMessages => "anthropic",
        };
        self.providers.push(Provider {
            name: name.to_owned(),
            dialect,
            base_url: base_url.to_owned(),
            secret: Some(Secret::new(PROVIDER_SECRET)),
            prices: prices.to_owned(),
            connections_max: 128,
            connect_timeout_ms: 2_000,
            ttfb_timeout_ms: 10_000,
            idle_timeout_ms: 10_000,
        });
        self
    }

    /// Changes the provider added last.
    pub(crate) fn tune(mut self, change: impl FnOnce(&mut Provider)) -> Self {
        change(self.providers.last_mut().unwrap());
        self
    }

    /// Adds a route over `(provider, model)` targets.
    pub(crate) fn route(mut self, name: &str, targets: &[(&str, &str)]) -> Self {
        let target = |(provider, model): &(&str, &str)| Target {
            provider: (*provider).to_owned(),
            model: (*model).to_owned(),
            ttfb_timeout_ms: None,
        };
        self.routes.push(Route {
            name: name.to_owned(),
            targets: targets.iter().map(target).collect(),
            on_client_gone: OnClientGone::Cancel,
            drop_params: false,
        });
        self
    }

    /// Changes the route added last.
    pub(crate) fn tune_route(mut self, change: impl FnOnce(&mut Route)) -> Self {
        change(self.routes.last_mut().unwrap());
        self
    }

    /// Adds a monthly budget of the key's team, in USD.
    pub(crate) fn budget(mut self, limit: &str) -> Self {
        let organisation = self.key.organisation.clone();
        self.budgets.push(Budget {
            id: Budget::id_of(&organisation, "monthly"),
            name: "monthly".to_owned(),
            organisation,
            scope: Scope::Team(self.key.team.clone()),
            limit: limit.parse().unwrap(),
            on_tight: OnTight::Clamp,
            on_unpriced: OnUnpriced::Deny,
        });
        self
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(self) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        let mut options = SpoolOptions::new(dir.path(), "test");
        (options.segment_bytes, options.ahead_bytes) = (1 << 20, 1 << 20);
        options.slots_max = self.slots_max;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let treasury = Arc::new(Treasury::new(BillingZone::UTC));
        treasury.configure(&self.budgets);
        let accounting = Arc::new(Accounting {
            spool: Spool::open(options, Arc::new(RealDisk)).unwrap(),
            treasury,
            prices: Arc::clone(&PRICES),
            clock: Arc::clone(&clock),
            outputs: OutputHistory::default(),
            hash_key: [7; 32],
        });
        let engine = Arc::new(self.engine(accounting, &clock));
        let address = free_address();
        // Never without stealing: Pingora remembers such a runtime by the number of a thread, which a
        // thread of the next gateway in this process may inherit.
        let listen = Listen { address, threads: 2, work_stealing: true, grace: self.grace };
        let served = Arc::clone(&engine);
        let thread = std::thread::spawn(move || gateway::serve(served, &listen).unwrap());
        eventually("the gateway listens", || TcpStream::connect(address).is_ok());
        Gateway { engine, address, thread: Some(thread), _dir: dir }
    }

    fn engine(&self, accounting: Arc<Accounting>, clock: &Arc<dyn Clock>) -> Engine {
        let upstream = |provider: &Provider| {
            let upstream = Upstream::new(provider.clone(), Arc::clone(clock)).unwrap();
            (provider.name.clone(), upstream)
        };
        let routes = self.routes.iter().map(|r| (r.name.clone(), Arc::new(r.clone())));
        let snapshot = Snapshot {
            version: self.version,
            keys: HashMap::from([(hash_secret(CLIENT_SECRET), Arc::new(self.key.clone()))]),
            routes: routes.collect::<BTreeMap<_, _>>(),
            providers: self.providers.iter().map(|provider| provider.name.clone()).collect(),
            budgets: self.budgets.clone(),
        };
        Engine {
            options: EngineOptions {
                body_bytes_max: self.body_bytes_max,
                body_time_max: self.body_time_max,
                budget_denied_status: self.denied_status,
                litellm_headers: true,
                render_metrics: Box::new(|| "tollgate_requests_total 1\n".to_owned()),
            },
            snapshot: Arc::new(snapshot_cell(snapshot)),
            upstreams: self.providers.iter().map(upstream).collect(),
            accounting,
            memory: BodyMemory::new(self.memory_bytes_max),
            drain: Arc::new(Drain::default()),
        }
    }
}

fn snapshot_cell(snapshot: Snapshot) -> arc_swap::ArcSwap<Snapshot> {
    arc_swap::ArcSwap::from_pointee(snapshot)
}

/// The key behind [`CLIENT_SECRET`].
pub(crate) fn key() -> Key {
    Key {
        id: KeyId::from_u128(42),
        organisation: "acme".parse().unwrap(),
        team: "search".parse().unwrap(),
        project: None,
        user: None,
        feature: None,
        routes: Vec::new(),
        client_may_set: ClientFields::default(),
        expires_at: None,
    }
}

/// An address that no other test of this process is given.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 40).unwrap() * 256;
    loop {
        let port = 20_000 + own + NEXT.fetch_add(1, Ordering::Relaxed) % 256;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A gateway that serves.
pub(crate) struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    thread: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
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
            Frame::Opened(_) => None,
        };
        self.frames().into_iter().filter_map(settled).collect()
    }

    /// Everything opened by now.
    pub(crate) fn opened(&self) -> Vec<Intent> {
        let opened = |frame| match frame {
            Frame::Opened(intent) => Some(*intent),
            Frame::Settled(..) => None,
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
        self.engine.drain.stop();
        let thread = self.thread.take().unwrap();
        eventually("the gateway ends", || thread.is_finished());
        thread.join().unwrap();
        let settled = self.settled();
        check(&self, &settled);
        settled
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.engine.drain.stop();
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
        let spent: Usd = settled.iter().filter_map(|event| event.cost.billed).sum();
        assert_eq!(budget.spent, spent, "the budget counts what the rows cost");
    }
    let kept = serde_json::to_string(settled).unwrap();
    assert!(!kept.contains(PROVIDER_SECRET) && !kept.contains(CLIENT_SECRET), "a secret is kept");
}

fn now(gateway: &Gateway) -> UnixMicros {
    gateway.engine.accounting.clock.now()
}
