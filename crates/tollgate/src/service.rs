//! The running product: both halves in one process or one of them, started in the order money needs
//! and stopped in the order that loses nothing.

mod alerting;
mod batches;
mod board;
pub mod console;
mod console_half;
mod followers;
mod gateway_half;
mod gauges;
mod last_used;
mod link;
mod node;
mod price_board;
mod publisher;
mod record;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateway::Engine;
use lake::{Lake, LakeOptions};
use metrics_exporter_prometheus::PrometheusHandle;
use pricing::PriceBook;
use spool::RealDisk;
use store::{Actor, Organisation, Role, Store, StoreOptions};
use tokio::runtime::Runtime;
use units::{Clock, Label, Secret};

use crate::config::{Config, Environment};
use crate::failure::CommandError;
use crate::prices::{self, Laid};
use console_half::ConsoleHalf;
use gateway_half::{GatewayHalf, Parts, Source};

/// Longest wait for the last commit and the console's answers at a stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
/// Threads of the console and the committer; queries have their own.
const LEDGER_THREADS: usize = 2;

/// Which halves a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halves {
    /// Gateway and console.
    Both,
    /// The gateway over its own database and file, without pages.
    Gateway,
    /// The console, for gateways elsewhere.
    Console,
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
        let runtime = runtime()?;
        let options = store_options(config, &Environment::of_process())?;
        let (store, lake) = runtime.block_on(async {
            let store = Store::open_with(&options, Arc::clone(clock)).await?;
            store.organisations().put(&organisation(config)?, &Actor::System).await?;
            let lake = Lake::open(LakeOptions::new(storage.lake_dir()), Arc::clone(clock)).await?;
            let adopted = lake.adopt_abandoned(&storage.spool_dir(), Arc::new(RealDisk)).await?;
            tracing::info!(?adopted, "spools of earlier processes committed");
            Ok::<_, CommandError>((store, lake))
        })?;
        Ok(Self { store, lake, runtime })
    }
}

/// What a process was started with.
pub struct Start {
    /// The configuration in force.
    pub config: Config,
    /// The file it came from, read anew on SIGHUP; none where there is none to read.
    pub file: Option<PathBuf>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What has been counted.
    pub metrics: PrometheusHandle,
}

/// Everything that is open while the product runs.
pub struct Service {
    /// The configuration in force.
    pub config: Config,
    /// The transactional store.
    pub store: Store,
    /// The usage table.
    pub lake: Lake,
    clock: Arc<dyn Clock>,
    console: ConsoleHalf,
    gateway: Option<GatewayHalf>,
    runtime: Runtime,
}

impl Service {
    /// Starts the ledger's own tasks and all a gateway needs. Nothing is listened on but the
    /// console's address until [`Service::serve`].
    pub fn start(start: Start, ledger: Ledger, halves: Halves) -> Result<Self, CommandError> {
        let Start { config, file, clock, metrics } = start;
        let Ledger { store, lake, runtime } = ledger;
        let (console, gateway) = runtime.block_on(async {
            let console = ConsoleHalf::start(console_half::Parts {
                config: config.clone(),
                file,
                clock: Arc::clone(&clock),
                store: store.clone(),
                lake: lake.clone(),
                metrics: metrics.clone(),
                has_pages: halves != Halves::Gateway,
            })
            .await?;
            if halves == Halves::Console {
                return Ok::<_, CommandError>((console, None));
            }
            let gateway = GatewayHalf::start(Parts {
                config: config.clone(),
                clock: Arc::clone(&clock),
                authority: Arc::new(console.link()),
                source: Source::Here(console.snapshots()),
                lake: Some(lake.clone()),
                hash_key: hash_key(&config, &store).await?,
                metrics,
            })?;
            // Before the first request: what a process before this one held is settled, and windows
            // are open. Otherwise requests would wait for the lake, and be refused for it.
            gateway.first_round().await;
            console.tend().await;
            Ok((console, Some(gateway)))
        })?;
        Ok(Self { config, store, lake, clock, console, gateway, runtime })
    }

    /// A link that logs one person in, once.
    pub fn login_url(&self, role: Role) -> Result<Secret, CommandError> {
        let links = self.store.login_links();
        let token = self.runtime.block_on(links.create(role, None, &Actor::Cli))?;
        Ok(::console::access::login_url(&console::public_url(&self.config)?, &token))
    }

    /// The engine, where this process runs one; its `drain` stops the service.
    pub fn engine(&self) -> Option<&Arc<Engine>> {
        self.gateway.as_ref().map(|gateway| &gateway.engine)
    }

    /// The runtime the ledger's own work runs on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What time it is.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Serves until a stop signal. The gateway ends first, so that the last commit holds everything
    /// it recorded and the authority has heard its last word. Blocks; must not be called from an
    /// async runtime.
    pub fn serve(self) -> Result<(), CommandError> {
        let served = match &self.gateway {
            Some(gateway) => gateway.serve(),
            None => {
                self.runtime.block_on(stop_signal());
                Ok(())
            }
        };
        let Self { console, gateway, runtime, store, .. } = self;
        runtime.block_on(in_time(async move {
            if let Some(gateway) = gateway {
                gateway.stop().await;
            }
            console.stop().await;
            store.close().await;
        }));
        runtime.shutdown_timeout(Duration::from_secs(1));
        served
    }
}

/// Runs a gateway whose console is elsewhere, until a stop signal. It needs neither that console nor
/// the lake to start and to serve.
pub fn serve_linked(start: Start) -> Result<(), CommandError> {
    let Start { config, clock, metrics, .. } = start;
    let environment = Environment::of_process();
    let (link, secret) = gateway_half::link(&config, &environment)?;
    let runtime = runtime()?;
    let gateway = runtime.block_on(async {
        GatewayHalf::start(Parts {
            config,
            clock,
            authority: Arc::clone(&link) as Arc<dyn gateway::Authority>,
            source: Source::Link(link),
            lake: None,
            hash_key: derived_hash_key(&secret),
            metrics,
        })
    })?;
    let served = gateway.serve();
    runtime.block_on(in_time(gateway.stop()));
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// Waits for the end, but not for ever: the next start commits what is left.
async fn in_time(end: impl Future<Output = ()>) {
    if tokio::time::timeout(STOP_TIME_MAX, end).await.is_err() {
        tracing::error!("the ledger did not end in time; the next start commits what is left");
    }
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be heard: only SIGKILL ends this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn runtime() -> Result<Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(LEDGER_THREADS)
        .thread_name("ledger")
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))
}

/// The price book of the catalog and the operator's file, without what the store has in force.
pub fn prices(config: &Config) -> Result<PriceBook, CommandError> {
    let laid = Laid { file: prices::file(config)?, ..Laid::default() };
    Ok(prices::compose(&laid.layers())?)
}

/// Key of the prompt hashes: the same on every gateway of an installation, so that equal prompts are
/// told apart from others wherever they were sent.
async fn hash_key(config: &Config, store: &Store) -> Result<[u8; 32], CommandError> {
    match gateway_half::link_secret(config, &Environment::of_process())? {
        Some(secret) => Ok(derived_hash_key(&secret)),
        None => Ok(*store.instance_secret("prompt-hash").await?.expose()),
    }
}

fn derived_hash_key(secret: &Secret) -> [u8; 32] {
    blake3::derive_key("tollgate 2026-11 prompt hash key", secret.expose().as_bytes())
}

fn organisation(config: &Config) -> Result<Organisation, CommandError> {
    let organisation = &config.organisation;
    let name = Label::clipped(organisation.display_name())
        .map_err(|error| CommandError::Usage(format!("organisation.name: {error}")))?;
    let zone = organisation.time_zone.billing().clone();
    Ok(Organisation { slug: organisation.slug.clone(), name, zone })
}

/// How the database of a configuration is opened.
pub fn store_options(
    config: &Config,
    environment: &Environment,
) -> Result<StoreOptions, CommandError> {
    let lifetime_us =
        |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let url = config
        .storage
        .database_url(environment)
        .map_err(|error| CommandError::Usage(format!("storage.database: {error}")))?;
    Ok(StoreOptions {
        login_link_lifetime_us: lifetime_us(config.auth.login_link_ttl_s),
        session_lifetime_us: lifetime_us(config.auth.session_ttl_s),
        ..StoreOptions::new(url.expose())
    })
}
