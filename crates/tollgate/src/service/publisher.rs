//! Compiles the snapshot from file and database, and publishes it whenever either changes, whichever
//! process changed it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use console::Declared;
use policy::SnapshotDocument;
use store::{Actor, Keys, Prices, Store};
use tokio::sync::watch;
use units::Clock;

use crate::commands::config::load;
use crate::compile;
use crate::config::Config;
use crate::failure::CommandError;
use crate::prices::{self, Laid};

/// How often the database is asked whether anything changed: one indexed read.
const POLL: Duration = Duration::from_millis(500);

/// Snapshots as they are published.
pub(super) type Published = watch::Receiver<Arc<SnapshotDocument>>;
/// What the file declares, as pages show it.
pub(super) type Declarations = watch::Receiver<Arc<Declared>>;

/// Compiles and publishes snapshots.
pub(super) struct Publisher {
    config: Config,
    /// What lies over the catalog, known to compose: a file or a layer that does not must not hold back
    /// a revoked key.
    laid: Laid,
    /// Whether the book of that is still to be recorded.
    is_unrecorded: bool,
    /// The file to read anew on SIGHUP; none where there is no file, as in the demonstration.
    file: Option<PathBuf>,
    keys: Arc<dyn Keys>,
    prices: Arc<dyn Prices>,
    clock: Arc<dyn Clock>,
    published: watch::Sender<Arc<SnapshotDocument>>,
    declared: watch::Sender<Arc<Declared>>,
}

impl Publisher {
    /// A publisher whose first snapshot is out.
    pub(super) async fn start(
        config: Config,
        file: Option<PathBuf>,
        store: &Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CommandError> {
        let (keys, prices) = (store.keys(), store.prices());
        let stored = keys.snapshot().await?;
        let laid = Laid { file: prices::file(&config)?, stored: prices.in_force().await? };
        let book = prices::compose(&laid.layers())?;
        prices.note(&prices::recorded(&book), &Actor::System).await?;
        let first = compile::document(&config, &stored.keys, &laid, clock.now());
        let published = watch::Sender::new(Arc::new(first));
        let declared = watch::Sender::new(Arc::new(compile::declared(&config)));
        let is_unrecorded = false;
        Ok(Self { config, laid, is_unrecorded, file, keys, prices, clock, published, declared })
    }

    /// Snapshots, the first included.
    pub(super) fn snapshots(&self) -> Published {
        self.published.subscribe()
    }

    /// What the file declares.
    pub(super) fn declarations(&self) -> Declarations {
        self.declared.subscribe()
    }

    /// Publishes changes until told to stop. While the database is away, and while the file is wrong,
    /// the last good snapshot stays in force.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut hangups = hangups();
        let mut changes = self.keys.changes();
        let mut known = None;
        loop {
            match self.keys.revision().await {
                Ok(revision) if known == Some(revision) && !self.is_unrecorded => {}
                Ok(_) => match self.publish().await {
                    Ok(revision) => known = Some(revision),
                    Err(error) => tracing::warn!(%error, "snapshot not compiled"),
                },
                Err(error) => {
                    tracing::warn!(%error, "database away, the last snapshot stays in force");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                Ok(()) = changes.changed() => {}
                () = hangups.next() => {
                    self.reload();
                    known = None;
                }
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn publish(&mut self) -> Result<u64, CommandError> {
        let stored = self.keys.snapshot().await?;
        self.lay().await?;
        let mut document =
            compile::document(&self.config, &stored.keys, &self.laid, self.clock.now());
        let last = Arc::clone(&self.published.borrow());
        if document.tag() != last.tag() {
            document.version = last.version + 1;
            let (version, keys) = (document.version, document.keys.len());
            tracing::info!(version, keys, "snapshot compiled");
            self.published.send_replace(Arc::new(document));
        }
        Ok(stored.revision)
    }

    /// Takes over what the store lays over the catalog, and records the book it gives before anything is
    /// priced by it. Layers that do not compose are left where they are.
    async fn lay(&mut self) -> Result<(), CommandError> {
        let stored = self.prices.in_force().await?;
        if !self.is_unrecorded && stored == self.laid.stored {
            return Ok(());
        }
        let next = Laid { stored, ..self.laid.clone() };
        let composed = prices::compose(&next.layers());
        metrics::gauge!("tollgate_prices_refused").set(if composed.is_err() { 1.0 } else { 0.0 });
        match composed {
            Ok(book) => {
                self.laid = next;
                let noted = self.prices.note(&prices::recorded(&book), &Actor::System).await;
                // A database that cannot be written must not hold back a revoked key: it is tried again.
                self.is_unrecorded = noted.is_err();
                match noted {
                    Ok(_) => tracing::info!(version = book.version(), "price book in force"),
                    Err(error) => tracing::warn!(%error, "price book in force, not recorded yet"),
                }
            }
            Err(error) => {
                self.is_unrecorded = false;
                tracing::error!(%error, "prices not changed");
            }
        }
        Ok(())
    }

    /// Reads the file anew. What a running process cannot change stays until the next start.
    fn reload(&mut self) {
        let Some(file) = &self.file else { return };
        let read = load(file).and_then(|config| {
            let laid = Laid { file: prices::file(&config)?, stored: self.laid.stored.clone() };
            prices::compose(&laid.layers())?;
            Ok((laid, config))
        });
        match read {
            Ok((laid, config)) => {
                self.is_unrecorded |= laid != self.laid;
                self.laid = laid;
                if needs_restart(&self.config, &config) {
                    tracing::warn!(
                        "changes of [server], [storage] or [organisation] need a restart"
                    );
                }
                self.config = Config {
                    organisation: self.config.organisation.clone(),
                    server: self.config.server.clone(),
                    storage: self.config.storage.clone(),
                    ..config
                };
                self.declared.send_replace(Arc::new(compile::declared(&self.config)));
                tracing::info!(file = %file.display(), "configuration read anew");
                metrics::gauge!("tollgate_config_reload_failed").set(0.0);
            }
            Err(error) => {
                tracing::error!(%error, "configuration not changed");
                metrics::gauge!("tollgate_config_reload_failed").set(1.0);
            }
        }
    }
}

fn needs_restart(old: &Config, new: &Config) -> bool {
    old.organisation != new.organisation || old.server != new.server || old.storage != new.storage
}

/// SIGHUP, where the system has it.
struct Hangups(Option<tokio::signal::unix::Signal>);

fn hangups() -> Hangups {
    let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    Hangups(signal.map_err(|error| tracing::warn!(%error, "SIGHUP is not heard")).ok())
}

impl Hangups {
    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}
