//! The console half: snapshots, the budget authority, the lake's upkeep, alerts, and the pages.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lake::{Lake, Maintenance, MaintenanceOptions};
use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::Clock;

use super::followers::Followers;
use super::link::LocalLink;
use super::price_board::PriceBoard;
use super::publisher::{Published, Publisher};
use super::{alerting, board, console, gateway_half, last_used};
use crate::config::{Config, Environment};
use crate::failure::CommandError;

/// How often budgets are compared with the lake.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);

/// How often windows are opened and closed ahead of requests.
const TEND_EVERY: Duration = Duration::from_secs(2);

/// What the console half is made of.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) file: Option<PathBuf>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Store,
    pub(super) lake: Lake,
    pub(super) metrics: PrometheusHandle,
    /// Whether it listens and shows pages.
    pub(super) has_pages: bool,
}

/// The console half and its tasks.
pub(super) struct ConsoleHalf {
    link: LocalLink,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl ConsoleHalf {
    /// Starts everything. Must be called within the ledger's runtime.
    pub(super) async fn start(parts: Parts) -> Result<Self, CommandError> {
        let Parts { config, file, clock, store, lake, metrics, has_pages } = parts;
        let (stop, stopping) = watch::channel(false);
        let publisher = Publisher::start(config.clone(), file, &store, Arc::clone(&clock)).await?;
        let authority = Arc::new(finops::Authority::new(
            store.leases(),
            lake.clone(),
            store.audit(),
            Arc::clone(&clock),
            finops::AuthorityOptions {
                ttl_ms: config.link.lease_ttl_ms,
                ..finops::AuthorityOptions::default()
            },
        ));
        let published = publisher.snapshots();
        govern(&authority, &published);
        let followers = Arc::new(Followers::default());
        let link = LocalLink {
            authority: Arc::clone(&authority),
            followers: Arc::clone(&followers),
            clock: Arc::clone(&clock),
            published: published.clone(),
            stopping: stopping.clone(),
        };
        let mut tasks = vec![
            tokio::spawn(follow(Arc::clone(&authority), published.clone(), stopping.clone())),
            tokio::spawn(reconcile(Arc::clone(&authority), Arc::clone(&clock), stopping.clone())),
            tokio::spawn(tend(Arc::clone(&authority), Arc::clone(&clock), stopping.clone())),
        ];
        let environment = Environment::of_process();
        let (watch, worker) = alerting::start(alerting::Parts {
            config: &config,
            environment: &environment,
            authority: Arc::clone(&authority),
            published: published.clone(),
            followers,
            lake: lake.clone(),
            store: store.clone(),
            clock: Arc::clone(&clock),
        })?;
        tasks.push(tokio::spawn(watch.run(stopping.clone())));
        tasks.push(tokio::spawn(worker.run(stopping.clone())));
        let maintenance = Maintenance::new(lake.clone(), MaintenanceOptions::default());
        tasks.push(tokio::spawn(maintenance.run(stopping.clone())));
        let uses = last_used::run(lake.clone(), store.keys(), Arc::clone(&clock), stopping.clone());
        tasks.push(tokio::spawn(uses));
        if has_pages {
            let secret = gateway_half::link_secret(&config, &environment)?;
            let sources = console::Sources {
                lake,
                store: store.clone(),
                board: board::Board {
                    authority,
                    leases: store.leases(),
                    published: published.clone(),
                    clock: Arc::clone(&clock),
                },
                prices: PriceBoard::new(published, store.prices())?,
                declared: publisher.declarations(),
                link: secret.map(|secret| ::console::Link::new(Arc::new(link.clone()), secret)),
            };
            let listener = console::listen(&config.server).await?;
            let router = console::router(&config, sources, Arc::clone(&clock))?;
            let router = console::with_metrics(router, metrics);
            tasks.push(tokio::spawn(console::serve(listener, router, stopping.clone())));
        }
        tasks.push(tokio::spawn(publisher.run(stopping)));
        Ok(Self { link, clock, stop, tasks })
    }

    /// What a gateway in this process asks.
    pub(super) fn link(&self) -> LocalLink {
        self.link.clone()
    }

    /// Opens windows and closes what processes that are gone held.
    pub(super) async fn tend(&self) {
        if let Err(error) = self.link.authority.tend(self.clock.now()).await {
            tracing::warn!(%error, "budgets not tended");
        }
    }

    /// Snapshots as they are published.
    pub(super) fn snapshots(&self) -> Published {
        self.link.published.clone()
    }

    /// Ends every task, the pages last of all.
    pub(super) async fn stop(self) {
        // A receiver that is gone has ended already.
        let _ = self.stop.send(true);
        futures::future::join_all(self.tasks).await;
    }
}

/// Tells the authority which budgets there are.
fn govern(authority: &finops::Authority, published: &Published) {
    let document = Arc::clone(&published.borrow());
    match document.billing_zone() {
        Ok(zone) => authority.configure(&document.budgets, &zone),
        Err(error) => tracing::error!(%error, "budgets not changed"),
    }
}

/// Keeps the authority's budgets those of the newest snapshot.
async fn follow(
    authority: Arc<finops::Authority>,
    mut published: Published,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            changed = published.changed() => if changed.is_err() { return },
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        govern(&authority, &published);
    }
}

/// Does ahead of requests what they would have to wait for: opens windows, closes leases of processes
/// that are gone.
async fn tend(
    authority: Arc<finops::Authority>,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        if let Err(error) = authority.tend(clock.now()).await {
            tracing::warn!(%error, "budgets not tended");
        }
        for (node, skew_us) in authority.skew_us() {
            let seconds = f64::from(i32::try_from(skew_us / 1_000).unwrap_or(i32::MAX)) / 1_000.0;
            gauge!("tollgate_gateway_clock_skew_seconds", "node" => node).set(seconds);
        }
        tokio::select! {
            () = tokio::time::sleep(TEND_EVERY) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Compares budgets with the lake now and then, and tells operators what was off.
async fn reconcile(
    authority: Arc<finops::Authority>,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RECONCILE_EVERY) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        match authority.reconcile(clock.now()).await {
            Ok(drifts) => {
                gauge!("tollgate_budget_drifts")
                    .set(f64::from(u32::try_from(drifts.len()).unwrap_or(u32::MAX)));
                counter!("tollgate_budget_corrections_total").increment(drifts.len() as u64);
                for drift in drifts {
                    tracing::warn!(?drift, "budget corrected by what the lake holds");
                }
            }
            Err(error) => tracing::warn!(%error, "budgets not compared with the lake"),
        }
    }
}
