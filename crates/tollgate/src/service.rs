//! The running product: both halves in one process, started in the order money needs and stopped in
//! the order that loses nothing.

mod board;
pub mod console;
mod gauges;
mod keys;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gateway::{Accounting, BodyMemory, Drain, Engine, EngineOptions, Listen, Upstream};
use lake::{Committer, CommitterOptions, Lake, LakeOptions, Window};
use metrics_exporter_prometheus::PrometheusHandle;
use policy::{OutputHistory, Scope, Snapshot, Treasury};
use pricing::PriceBook;
use spool::{RealDisk, Spool, SpoolOptions};
use store::{Actor, Organisation, Role, Store, StoreOptions};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::{BillingPeriod, Clock, Label, Secret, Usd};

use crate::compile;
use crate::config::{Config, Environment, SpoolSync};
use crate::failure::CommandError;

/// Longest wait for the last commit and the console's answers at a stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
/// Threads of the console and the committer; queries have their own.
const LEDGER_THREADS: usize = 2;

/// Everything that is open while the product runs.
pub struct Service {
    /// The configuration in force.
    pub config: Config,
    /// The transactional store.
    pub store: Store,
    /// The usage table.
    pub lake: Lake,
    /// The engine, whose `drain` stops the service.
    pub engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    runtime: Runtime,
}

/// The parts a service is made of before any of it runs.
pub struct Ledger {
    /// The transactional store.
    pub store: Store,
    /// The usage table, with everything earlier processes left in their spools.
    pub lake: Lake,
    /// Runs the console, the committer, and whatever belongs to them.
    pub runtime: Runtime,
}

impl Ledger {
    /// Opens store and lake, and brings home what earlier processes left.
    pub fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Self, CommandError> {
        let storage = &config.storage;
        std::fs::create_dir_all(storage.spool_dir()).map_err(CommandError::system(format!(
            "cannot use {} (storage.data_dir)",
            storage.data_dir.display()
        )))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(LEDGER_THREADS)
            .thread_name("ledger")
            .enable_all()
            .build()
            .map_err(CommandError::system("cannot start threads"))?;
        let (store, lake) = runtime.block_on(async {
            let store = Store::open_with(&store_options(config), Arc::clone(clock)).await?;
            store.organisations().put(&organisation(config)?, &Actor::System).await?;
            let lake = Lake::open(LakeOptions::new(storage.lake_dir()), Arc::clone(clock)).await?;
            let adopted = lake.adopt_abandoned(&storage.spool_dir(), Arc::new(RealDisk)).await?;
            tracing::info!(?adopted, "spools of earlier processes committed");
            Ok::<_, CommandError>((store, lake))
        })?;
        Ok(Self { store, lake, runtime })
    }
}

impl Service {
    /// Opens everything a gateway needs and starts the ledger's own tasks. Nothing is listened on
    /// but the console's address until [`Service::serve`].
    pub fn start(
        config: Config,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        metrics: PrometheusHandle,
    ) -> Result<Self, CommandError> {
        let Ledger { store, lake, runtime } = ledger;
        let treasury = Arc::new(Treasury::new(config.organisation.time_zone.billing().clone()));
        treasury.configure(&compile::budgets(&config));
        runtime.block_on(restore(&config, &lake, &treasury, clock.as_ref()))?;
        let accounting = Arc::new(Accounting {
            spool: Spool::open(spool_options(&config), Arc::new(RealDisk))?,
            treasury: Arc::clone(&treasury),
            prices: Arc::new(prices(&config)?),
            clock: Arc::clone(&clock),
            outputs: OutputHistory::default(),
            hash_key: *runtime.block_on(store.instance_secret("prompt-hash"))?.expose(),
        });
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let (stop, stopping) = watch::channel(false);
        let watch = keys::Watch {
            config: config.clone(),
            keys: store.keys(),
            snapshot: Arc::clone(&snapshot),
            treasury: Arc::clone(&treasury),
        };
        runtime.block_on(watch.refresh())?;
        let committer = Committer::new(lake.clone(), accounting.spool.clone());
        let committer = committer.with_options(CommitterOptions {
            interval: Duration::from_millis(config.storage.commit_interval_ms),
            ..CommitterOptions::default()
        });
        let listener = runtime.block_on(console::listen(config.server.console))?;
        let board = board::Board { treasury, clock: Arc::clone(&clock) };
        let router = console::router(&config, &lake, &store, board, Arc::clone(&clock))?;
        let router = console::with_metrics(router, metrics.clone());
        let gauges = gauges::Gauges {
            spool: accounting.spool.clone(),
            treasury: Arc::clone(&accounting.treasury),
            clock: Arc::clone(&clock),
        };
        let tasks = vec![
            runtime.spawn(watch.run(stopping.clone())),
            runtime.spawn(gauges.run(stopping.clone())),
            runtime.spawn(console::serve(listener, router, stopping.clone())),
            runtime.spawn(commit(committer, stopping)),
        ];
        let engine = Arc::new(engine(&config, accounting, snapshot, metrics)?);
        Ok(Self { config, store, lake, engine, clock, stop, tasks, runtime })
    }

    /// A link that logs one person in, once.
    pub fn login_url(&self, role: Role) -> Result<Secret, CommandError> {
        let token = self.runtime.block_on(self.store.login_links().create(role, &Actor::Cli))?;
        Ok(::console::access::login_url(&console::public_url(&self.config)?, &token))
    }

    /// The runtime the ledger's own work runs on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What time it is.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Serves until a stop signal. The gateway ends first, so that the committer's last commit holds
    /// everything it recorded. Blocks; must not be called from an async runtime.
    pub fn serve(self) -> Result<(), CommandError> {
        let server = &self.config.server;
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let listen = Listen {
            address: server.gateway,
            threads: server.threads.map_or(cores, usize::from),
            work_stealing: server.work_stealing,
            grace: Duration::from_millis(server.shutdown_grace_ms),
        };
        let served = gateway::serve(Arc::clone(&self.engine), &listen);
        if let Err(error) = self.engine.accounting.spool.flush() {
            tracing::error!(%error, "the spool could not be flushed");
        }
        self.end();
        Ok(served?)
    }

    fn end(self) {
        // A receiver that is gone has ended already.
        let _ = self.stop.send(true);
        let Self { tasks, runtime, store, .. } = self;
        runtime.block_on(async move {
            let ended = tokio::time::timeout(STOP_TIME_MAX, futures::future::join_all(tasks));
            if ended.await.is_err() {
                tracing::error!(
                    "the ledger did not end in time; the next start commits what is left"
                );
            }
            store.close().await;
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// The price book: the embedded catalog, and over it the operator's file.
pub fn prices(config: &Config) -> Result<PriceBook, CommandError> {
    let book = PriceBook::embedded()?;
    let Some(path) = &config.pricing.file else { return Ok(book) };
    let text = std::fs::read_to_string(path)
        .map_err(CommandError::system(format!("cannot read {} (pricing.file)", path.display())))?;
    Ok(book.with_overlay(&text, &path.display().to_string())?)
}

/// Commits until the stop. What could not be committed stays in the spool for the next start.
async fn commit(committer: Committer, stopping: watch::Receiver<bool>) {
    if let Err(error) = Box::pin(committer.run(stopping)).await {
        tracing::error!(%error, "usage is no longer committed; restart to commit what is spooled");
    }
}

fn organisation(config: &Config) -> Result<Organisation, CommandError> {
    let organisation = &config.organisation;
    let name = Label::clipped(organisation.display_name())
        .map_err(|error| CommandError::Usage(format!("organisation.name: {error}")))?;
    let zone = organisation.time_zone.billing().clone();
    Ok(Organisation { slug: organisation.slug.clone(), name, zone })
}

/// How the database of a configuration is opened.
pub fn store_options(config: &Config) -> StoreOptions {
    let lifetime_us =
        |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    StoreOptions {
        login_link_lifetime_us: lifetime_us(config.auth.login_link_ttl_s),
        session_lifetime_us: lifetime_us(config.auth.session_ttl_s),
        ..StoreOptions::new(config.storage.database_url())
    }
}

fn spool_options(config: &Config) -> SpoolOptions {
    let storage = &config.storage;
    let node = storage.node_id.as_ref().map_or("local", |node| node.as_str());
    let mut options = SpoolOptions::new(storage.spool_dir(), node);
    options.quota_bytes = storage.spool_quota_bytes;
    options.sync = match storage.spool_sync {
        SpoolSync::Group => spool::Sync::default(),
        SpoolSync::Every => spool::Sync::Every,
    };
    options
}

/// What budgets had settled in their current window, summed from the lake.
async fn restore(
    config: &Config,
    lake: &Lake,
    treasury: &Treasury,
    clock: &dyn Clock,
) -> Result<(), CommandError> {
    let zone = config.organisation.time_zone.billing();
    let now = clock.now();
    let window = Window::of_period(BillingPeriod::containing(now, zone), zone);
    let spent = lake.spend_by_team(window).await?;
    let organisation = config.organisation.slug.as_str();
    for budget in compile::budgets(config) {
        let counts = |row: &&lake::TeamSpend| {
            row.organisation == organisation
                && match &budget.scope {
                    Scope::Organisation => true,
                    Scope::Team(team) => row.team.as_deref() == Some(team.as_str()),
                }
        };
        let settled: Usd = spent.iter().filter(counts).map(|row| row.cost).sum();
        treasury.restore(budget.id, now, settled);
    }
    Ok(())
}

fn engine(
    config: &Config,
    accounting: Arc<Accounting>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    metrics: PrometheusHandle,
) -> Result<Engine, CommandError> {
    let secrets = config.resolve_secrets(&Environment::of_process())?;
    let mut upstreams = BTreeMap::new();
    for provider in compile::providers(config, &secrets) {
        let name = provider.name.clone();
        upstreams.insert(name, Upstream::new(provider, Arc::clone(&accounting.clock))?);
    }
    let server = &config.server;
    Ok(Engine {
        options: EngineOptions {
            body_bytes_max: usize::try_from(server.body_bytes_max).unwrap_or(usize::MAX),
            body_time_max: Duration::from_millis(server.body_read_timeout_ms),
            budget_denied_status: server.budget_denied_status.code(),
            litellm_headers: server.expose_litellm_headers,
            render_metrics: Box::new(move || metrics.render()),
        },
        snapshot,
        upstreams,
        accounting,
        memory: BodyMemory::new(server.body_memory_bytes_max),
        drain: Arc::new(Drain::default()),
    })
}
