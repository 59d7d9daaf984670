//! What a gateway of a test is started with.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use events::Dialect;
use gateway::{
    Accounting, AnswerCache, Authority, BodyMemory, Current, Drain, Engine, EngineOptions, InForce,
    Leases, LeasesOptions, Listen, Local, Origin, SecretUnresolved,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use policy::{
    Budget, ClientFields, Key, KeyEntry, OnClientGone, OnTight, OnUnpriced, OutputHistory,
    ProviderEntry, Route, SNAPSHOT_FORMAT, Scope, SnapshotDocument, Target, Treasury, WhenAlone,
    hash_secret,
};
use pricing::PriceBook;
use simulator::Simulator;
use spool::{RealDisk, Spool, SpoolOptions};
use tokio::sync::watch;
use units::{BillingZone, CalendarWindow, Clock, KeyId, Secret, SystemClock, UnixMicros};

use crate::bank::Bank;
use crate::harness::{
    ANTHROPIC_MODEL, CLIENT_SECRET, Gateway, OPENAI_MODEL, PATIENCE, PROVIDER_SECRET, eventually,
    spawn,
};

/// Where the gateway's own key at each provider is found.
pub(crate) const PROVIDER_REFERENCE: &str = "env:PROVIDER";

pub(crate) static PRICES: LazyLock<Arc<PriceBook>> =
    LazyLock::new(|| Arc::new(PriceBook::embedded().unwrap()));
/// Of every gateway in this process together.
static METRICS: LazyLock<PrometheusHandle> =
    LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());

/// What a gateway is started with.
pub(crate) struct Setup {
    pub(crate) providers: Vec<ProviderEntry>,
    pub(crate) routes: Vec<Route>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) key: Key,
    pub(crate) body_bytes_max: usize,
    pub(crate) body_time_max: Duration,
    pub(crate) memory_bytes_max: u64,
    /// 0 for none.
    pub(crate) cache_bytes_max: u64,
    pub(crate) denied_status: u16,
    pub(crate) slots_max: u32,
    /// Room the spool keeps prepared, bytes.
    pub(crate) ahead_bytes: u64,
    pub(crate) grace: Duration,
    /// 0 for a gateway that has not received a snapshot yet.
    pub(crate) version: u64,
    /// Grants leases, unless another authority is named.
    pub(crate) bank: Arc<Bank>,
    pub(crate) authority: Option<Arc<dyn Authority>>,
    /// Long, as a busy machine is no slow authority.
    pub(crate) lease_wait_max: Duration,
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
            cache_bytes_max: 64 << 20,
            denied_status: 402,
            slots_max: 4096,
            ahead_bytes: 1 << 20,
            grace: PATIENCE,
            version: 1,
            bank: Arc::new(Bank::default()),
            authority: None,
            lease_wait_max: PATIENCE,
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
            Dialect::OpenaiChat | Dialect::OpenaiResponses => "openai",
            Dialect::AnthropicMessages => "anthropic",
            Dialect::GeminiGenerate => "google",
            Dialect::BedrockConverse => "aws",
            Dialect::CohereChat => "cohere",
        };
        self.providers.push(ProviderEntry {
            name: name.to_owned(),
            dialect,
            base_url: base_url.to_owned(),
            secret: Some(PROVIDER_REFERENCE.to_owned()),
            prices: prices.to_owned(),
            connections_max: 128,
            connect_timeout_ms: 2_000,
            ttfb_timeout_ms: 10_000,
            idle_timeout_ms: 10_000,
        });
        self
    }

    /// Changes the provider added last.
    pub(crate) fn tune(mut self, change: impl FnOnce(&mut ProviderEntry)) -> Self {
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
            cache: None,
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
            window: CalendarWindow::Month,
            limit: limit.parse().unwrap(),
            on_tight: OnTight::Clamp,
            on_unpriced: OnUnpriced::Deny,
            when_alone: WhenAlone::Refuse,
        });
        self
    }

    /// Changes the budget added last.
    pub(crate) fn tune_budget(mut self, change: impl FnOnce(&mut Budget)) -> Self {
        change(self.budgets.last_mut().unwrap());
        self
    }

    /// The document a console would send.
    pub(crate) fn document(&self) -> SnapshotDocument {
        SnapshotDocument {
            format: SNAPSHOT_FORMAT,
            version: self.version,
            compiled_at: UnixMicros::new(1),
            organisation: self.key.organisation.clone(),
            zone: "UTC".to_owned(),
            keys: vec![KeyEntry { hash: hash_secret(CLIENT_SECRET), key: self.key.clone() }],
            routes: self.routes.clone(),
            providers: self.providers.clone(),
            budgets: self.budgets.clone(),
            prices: None,
            price_layers: None,
        }
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(self) -> Gateway {
        LazyLock::force(&METRICS);
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("spool");
        let mut options = SpoolOptions::new(&root, "test");
        (options.segment_bytes, options.ahead_bytes) = (1 << 20, self.ahead_bytes);
        options.slots_max = self.slots_max;
        let treasury = Arc::new(Treasury::new(BillingZone::UTC));
        treasury.configure(&self.budgets);
        self.bank.configure(&self.budgets);
        let accounting = Arc::new(Accounting {
            spool: Spool::open(options, Arc::new(RealDisk)).unwrap(),
            treasury,
            clock: Arc::new(SystemClock),
            outputs: OutputHistory::default(),
            hash_key: [7; 32],
        });
        let options = LeasesOptions { wait_max: self.lease_wait_max, ..LeasesOptions::new(root) };
        let leases = Leases::new(Arc::clone(&accounting), self.authority(), options);
        let engine = Arc::new(self.engine(accounting, Arc::clone(&leases)));
        let (stopping, stop) = watch::channel(false);
        let leases = spawn(leases.run(stop));
        let address = free_address();
        // Never without stealing: Pingora remembers such a runtime by the number of a thread, which a
        // thread of the next gateway in this process may inherit.
        let listen = Listen { address, threads: 2, work_stealing: true, grace: self.grace };
        let served = Arc::clone(&engine);
        let thread = std::thread::spawn(move || gateway::serve(served, &listen).unwrap());
        eventually("the gateway listens", || TcpStream::connect(address).is_ok());
        Gateway { engine, address, thread: Some(thread), stopping, leases: Some(leases), dir }
    }

    fn authority(&self) -> Arc<dyn Authority> {
        self.authority.clone().unwrap_or_else(|| self.bank.clone())
    }

    fn engine(&self, accounting: Arc<Accounting>, leases: Arc<Leases>) -> Engine {
        let current = Current::new(InForce::nothing(Arc::clone(&PRICES)));
        if self.version > 0 {
            let in_force = InForce::compile(&self.document(), None, &local()).unwrap();
            current.replace(in_force, Origin::Source, SystemClock.now());
        }
        Engine {
            options: EngineOptions {
                body_bytes_max: self.body_bytes_max,
                body_time_max: self.body_time_max,
                budget_denied_status: self.denied_status,
                litellm_headers: true,
                render_metrics: Box::new(|| METRICS.render()),
            },
            current: Arc::new(current),
            accounting,
            leases,
            memory: BodyMemory::new(self.memory_bytes_max),
            batches: gateway::Batches::default(),
            cache: AnswerCache::new(self.cache_bytes_max),
            drain: Arc::new(Drain::default()),
        }
    }
}

/// What this gateway has of its own: one secret, and the catalog.
pub(crate) fn local() -> Local {
    Local {
        secrets: Box::new(|reference| match reference {
            PROVIDER_REFERENCE => Ok(Secret::new(PROVIDER_SECRET)),
            _ => Err(SecretUnresolved(format!("`{reference}` is not set"))),
        }),
        prices: Arc::clone(&PRICES),
        clock: Arc::new(SystemClock),
    }
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
