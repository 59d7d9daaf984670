//! The gateway half: spool, budgets, leases, engine. It starts from what is on disk and waits for
//! nobody: console, database and lake may all be away.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateway::{
    Accounting, AnswerCache, Authority, Batches, BodyMemory, Current, Drain, Engine, EngineOptions,
    HttpLink, HttpLinkOptions, InForce, Leases, LeasesOptions, Listen, Local, Origin,
    SecretUnresolved, SnapshotFeed, SnapshotFeedOptions, SnapshotFile,
};
use lake::{Lake, LakeOptions};
use metrics_exporter_prometheus::PrometheusHandle;
use policy::{OutputHistory, Treasury};
use pricing::PriceBook;
use spool::{RealDisk, Spool, SpoolOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::{Clock, Secret};

use super::publisher::Published;
use super::{batches, gauges, node, record};
use crate::config::{Config, Environment, SecretRef, SpoolSync};
use crate::failure::CommandError;

/// Longest wait for the first round of leases before serving begins without it.
const FIRST_ROUND_TIME_MAX: Duration = Duration::from_secs(3);

/// Where a gateway gets its snapshots from.
pub(super) enum Source {
    /// A console in this process.
    Here(Published),
    /// A console elsewhere.
    Link(Arc<HttpLink>),
}

/// What the gateway half is made of.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) authority: Arc<dyn Authority>,
    pub(super) source: Source,
    /// The lake where it is open already; else it is opened as soon as it can be.
    pub(super) lake: Option<Lake>,
    /// Key of the prompt hashes.
    pub(super) hash_key: [u8; 32],
    pub(super) metrics: PrometheusHandle,
}

/// A gateway that is ready to serve, and its tasks. `stop` ends the leases, then the committer.
pub(super) struct GatewayHalf {
    pub(super) engine: Arc<Engine>,
    config: Config,
    stop: watch::Sender<bool>,
    leases: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl GatewayHalf {
    /// Starts everything but listening. Must be called within the ledger's runtime.
    pub(super) fn start(parts: Parts) -> Result<Self, CommandError> {
        let Parts { config, clock, authority, source, lake, hash_key, metrics } = parts;
        let zone = config.organisation.time_zone.billing().clone();
        let accounting = Arc::new(Accounting {
            spool: Spool::open(spool_options(&config)?, Arc::new(RealDisk))?,
            treasury: Arc::new(Treasury::new(zone)),
            clock: Arc::clone(&clock),
            outputs: OutputHistory::default(),
            hash_key,
        });
        let spool_root = config.storage.spool_dir();
        let leases =
            Leases::new(Arc::clone(&accounting), authority, LeasesOptions::new(&spool_root));
        let catalog = Arc::new(PriceBook::embedded()?);
        let current = Arc::new(Current::new(InForce::nothing(Arc::clone(&catalog))));
        let (stop, stopping) = watch::channel(false);
        let local = Local { secrets: Box::new(secret), prices: catalog, clock: Arc::clone(&clock) };
        let mut tasks = vec![tokio::spawn(
            gauges::Gauges {
                spool: accounting.spool.clone(),
                treasury: Arc::clone(&accounting.treasury),
                clock: Arc::clone(&clock),
            }
            .run(stopping.clone()),
        )];
        tasks.push(tokio::spawn({
            let (current, mut stopping) = (Arc::clone(&current), stopping.clone());
            async move {
                tokio::select! {
                    () = current.close_idle() => {}
                    _ = stopping.wait_for(|stop| *stop) => {}
                }
            }
        }));
        match source {
            Source::Here(published) => {
                let local_feed = LocalFeed {
                    published,
                    current: Arc::clone(&current),
                    treasury: Arc::clone(&accounting.treasury),
                    local,
                };
                local_feed.first()?;
                tasks.push(tokio::spawn(local_feed.run(stopping.clone())));
            }
            Source::Link(link) => {
                let feed = SnapshotFeed::new(SnapshotFeedOptions {
                    link,
                    current: Arc::clone(&current),
                    treasury: Arc::clone(&accounting.treasury),
                    local,
                    file: SnapshotFile::new(config.storage.snapshot_file()),
                });
                match feed.boot() {
                    Ok(true) => tracing::info!("serving from the snapshot on disk"),
                    Ok(false) => tracing::info!("no snapshot on disk yet, waiting for the console"),
                    Err(error) => tracing::error!(%error, "snapshot on disk is of no use"),
                }
                tasks.push(tokio::spawn(feed.run(stopping.clone())));
            }
        }
        let claims = Arc::new(batches::LakeClaims::default());
        let recorder = record::Recorder {
            claims: Arc::clone(&claims),
            options: LakeOptions::new(config.storage.lake_dir()),
            lake,
            clock,
            spool: accounting.spool.clone(),
            spool_root,
            interval: Duration::from_millis(config.storage.commit_interval_ms),
        };
        tasks.push(tokio::spawn(recorder.run(stopping)));
        // Its own end: money is given back before the last commit, and not after the console's.
        let (farewell, leaving) = watch::channel(false);
        let keeping = tokio::spawn(Arc::clone(&leases).run(leaving));
        let engine = engine(&config, accounting, current, leases, (Batches::new(claims), metrics));
        let engine = Arc::new(engine);
        let leases = tokio::spawn(hand_back(keeping, farewell, stop.subscribe()));
        Ok(Self { engine, config, stop, leases, tasks })
    }

    /// Waits until the authority has heard of this process, but not for ever.
    pub(super) async fn first_round(&self) {
        let deadline = tokio::time::Instant::now() + FIRST_ROUND_TIME_MAX;
        while !self.engine.leases.ask().await && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Serves until a stop signal; blocks. Then everything recorded is on disk.
    pub(super) fn serve(&self) -> Result<(), CommandError> {
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
        Ok(served?)
    }

    /// Gives the leases back and commits what is left.
    pub(super) async fn stop(self) {
        // Receivers that are gone have ended already.
        let _ = self.stop.send(true);
        let _ = self.leases.await;
        futures::future::join_all(self.tasks).await;
    }
}

/// Tells the leases to end when the half is told to.
async fn hand_back(
    keeping: JoinHandle<()>,
    farewell: watch::Sender<bool>,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stopping.wait_for(|stop| *stop).await;
    let _ = farewell.send(true);
    let _ = keeping.await;
}

/// Puts in force what the console of this process publishes.
struct LocalFeed {
    published: Published,
    current: Arc<Current>,
    treasury: Arc<Treasury>,
    local: Local,
}

impl LocalFeed {
    /// Puts the first document in force, or says why it cannot be.
    fn first(&self) -> Result<(), CommandError> {
        let document = Arc::clone(&self.published.borrow());
        let unusable = |error: &dyn std::fmt::Display| CommandError::Usage(error.to_string());
        let in_force = InForce::compile(&document, None, &self.local).map_err(|e| unusable(&e))?;
        let zone = document.billing_zone().map_err(|error| unusable(&error))?;
        self.treasury.configure_in(&zone, &document.budgets);
        self.current.replace(in_force, Origin::Source, self.local.clock.now());
        Ok(())
    }

    async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        // What came between the first and now counts as changed.
        self.published.mark_changed();
        loop {
            tokio::select! {
                changed = self.published.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
            let document = Arc::clone(&self.published.borrow_and_update());
            let previous = self.current.load();
            if document.tag() == previous.tag {
                self.current.confirm(self.local.clock.now());
                continue;
            }
            let compiled = InForce::compile(&document, Some(&previous), &self.local);
            let zoned = compiled.and_then(|in_force| Ok((in_force, document.billing_zone()?)));
            match zoned {
                Ok((in_force, zone)) => {
                    self.treasury.configure_in(&zone, &document.budgets);
                    self.current.replace(in_force, Origin::Source, self.local.clock.now());
                }
                Err(error) => tracing::error!(%error, "snapshot refused, the last stays in force"),
            }
        }
    }
}

/// The link to the console elsewhere, and the secret it is reached with.
pub(super) fn link(
    config: &Config,
    environment: &Environment,
) -> Result<(Arc<HttpLink>, Secret), CommandError> {
    let needs = |what: &str| CommandError::Usage(format!("a gateway apart needs {what}"));
    let url = config.link.console_url.as_ref().ok_or_else(|| needs("link.console_url"))?;
    let secret = link_secret(config, environment)?
        .ok_or_else(|| needs("link.secret, the same as the console's"))?;
    let link = HttpLink::new(HttpLinkOptions {
        console_url: url.as_str().to_owned(),
        secret: secret.clone(),
        node: node::id(&config.storage)?.to_string(),
        ca_file: config.link.ca_file.clone(),
    });
    let link = link.map_err(|error| CommandError::Usage(error.to_string()))?;
    Ok((Arc::new(link), secret))
}

/// The secret gateways and consoles share, when one is configured.
pub(super) fn link_secret(
    config: &Config,
    environment: &Environment,
) -> Result<Option<Secret>, CommandError> {
    let resolve = |reference: &SecretRef| {
        let secret = reference.resolve(environment);
        secret.map_err(|error| CommandError::Usage(format!("link.secret: {error}")))
    };
    config.link.secret.as_ref().map(resolve).transpose()
}

/// Finds what a snapshot refers to on this machine.
fn secret(reference: &str) -> Result<Secret, SecretUnresolved> {
    let parsed: SecretRef = reference
        .parse()
        .map_err(|_| SecretUnresolved("not a reference to a secret".to_owned()))?;
    let found = parsed.resolve(&Environment::of_process());
    found.map_err(|error| SecretUnresolved(error.to_string()))
}

fn spool_options(config: &Config) -> Result<SpoolOptions, CommandError> {
    let storage = &config.storage;
    let root: PathBuf = storage.spool_dir();
    std::fs::create_dir_all(&root).map_err(CommandError::system(format!(
        "cannot use {} (storage.data_dir)",
        storage.data_dir.display()
    )))?;
    let mut options = SpoolOptions::new(root, node::id(storage)?.as_str());
    options.quota_bytes = storage.spool_quota_bytes;
    options.sync = match storage.spool_sync {
        SpoolSync::Group => spool::Sync::default(),
        SpoolSync::Every => spool::Sync::Every,
    };
    Ok(options)
}

fn engine(
    config: &Config,
    accounting: Arc<Accounting>,
    current: Arc<Current>,
    leases: Arc<Leases>,
    (batches, metrics): (Batches, PrometheusHandle),
) -> Engine {
    let server = &config.server;
    Engine {
        options: EngineOptions {
            body_bytes_max: usize::try_from(server.body_bytes_max).unwrap_or(usize::MAX),
            body_time_max: Duration::from_millis(server.body_read_timeout_ms),
            budget_denied_status: server.budget_denied_status.code(),
            litellm_headers: server.expose_litellm_headers,
            render_metrics: Box::new(move || metrics.render()),
        },
        current,
        accounting,
        leases,
        memory: BodyMemory::new(server.body_memory_bytes_max),
        batches,
        cache: AnswerCache::new(server.cache_bytes_max),
        drain: Arc::new(Drain::default()),
    }
}
