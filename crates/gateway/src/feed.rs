//! The feed of snapshots: asks the console for the next one, checks it, puts it in force, and keeps
//! it on disk. Whatever arrives, the last good one stays in force until a better one is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::counter;
use policy::{SnapshotDocument, Treasury};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::current::{Current, Origin};
use crate::in_force::{InForce, InForceError, Local};
use crate::link::{HttpLink, LinkError, SnapshotReply};
use crate::snapshot_file::{SnapshotFile, SnapshotFileError};

/// How long the console may wait for something new.
const WAIT: Duration = Duration::from_secs(25);
/// A console that says sooner that there is nothing new is not asked again before this has passed.
const NOTHING_NEW_TIME_MIN: Duration = Duration::from_millis(500);
/// How often the age of the snapshot is shown.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// What a feed needs.
pub struct SnapshotFeedOptions {
    /// The console.
    pub link: Arc<HttpLink>,
    /// What is to be replaced.
    pub current: Arc<Current>,
    /// Whose budgets are to be replaced.
    pub treasury: Arc<Treasury>,
    /// What documents refer to.
    pub local: Local,
    /// Where the last good document is kept.
    pub file: SnapshotFile,
}

/// Brings snapshots from a console, over the disk, into force.
pub struct SnapshotFeed {
    options: SnapshotFeedOptions,
    /// A provider could not be used when the last document was compiled.
    is_lacking: AtomicBool,
    /// The newest document was refused, so that what is in force is not the newest.
    is_refusing: AtomicBool,
}

/// Why a gateway cannot start from its disk; it may still start from a console.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// No file is whole.
    #[error(transparent)]
    File(#[from] SnapshotFileError),
    /// The document is whole and of no use to this version.
    #[error(transparent)]
    Document(#[from] InForceError),
}

/// Why a document is not put in force.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it does not read as a snapshot: {0}")]
    Garbage(serde_json::Error),
    #[error(transparent)]
    Invalid(#[from] InForceError),
}

/// What became of an answer.
#[derive(Debug)]
enum Taken {
    /// Another document is in force, called so by the console.
    News(String),
    /// The document in force was sent again, called so by the console.
    Same(String),
    /// What is in force is the newest.
    NothingNew,
    /// The last good one stays; the refused one's name, not to be asked for again.
    Refused(Option<String>),
}

impl SnapshotFeed {
    /// A feed; nothing happens yet.
    pub fn new(options: SnapshotFeedOptions) -> Arc<Self> {
        let (is_lacking, is_refusing) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { options, is_lacking, is_refusing })
    }

    /// Puts the document on disk in force, before anything is served; whether there was one.
    ///
    /// # Errors
    /// When there are files and none of them is of use.
    pub fn boot(&self) -> Result<bool, BootError> {
        let Some(loaded) = self.options.file.load()? else { return Ok(false) };
        let document = &loaded.document;
        if loaded.fell_back {
            let (version, tag) = (document.version, document.tag());
            tracing::warn!(version, tag, "serving from the snapshot before the damaged one");
        }
        self.put_in_force(document, Origin::Disk)?;
        Ok(true)
    }

    /// Follows the console until told to stop.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        tokio::select! {
            () = self.follow() => {}
            () = self.show_age() => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }

    async fn follow(self: &Arc<Self>) {
        let mut backoff = Backoff::default();
        let mut last_error: Option<LinkError> = None;
        // One from the disk has the tag this version gives it: the console sends it again only if it
        // calls it otherwise.
        let tag = self.options.current.load().tag.clone();
        let mut after = Some(tag).filter(|tag| !tag.is_empty());
        // The first question is answered at once, so that a start soon knows whether it is up to date.
        let mut wait = Duration::ZERO;
        loop {
            let began = Instant::now();
            let reply = match self.options.link.snapshot(after.as_deref(), wait).await {
                Ok(reply) => reply,
                Err(error) => {
                    // Once for each kind of trouble, not once for each try.
                    if last_error.as_ref() != Some(&error) {
                        tracing::warn!(%error, "no news from the console, serving from the last snapshot");
                    }
                    last_error = Some(error);
                    tokio::time::sleep(backoff.pause()).await;
                    continue;
                }
            };
            if last_error.take().is_some() {
                tracing::info!("the console answers again");
            }
            wait = WAIT;
            match self.take(reply).await {
                Taken::News(tag) => {
                    backoff.reset();
                    after = Some(tag);
                }
                Taken::Same(tag) => {
                    after = Some(tag);
                    tokio::time::sleep_until(began + NOTHING_NEW_TIME_MIN).await;
                }
                Taken::NothingNew => {
                    backoff.reset();
                    tokio::time::sleep_until(began + NOTHING_NEW_TIME_MIN).await;
                }
                Taken::Refused(tag) => {
                    after = tag.or(after);
                    tokio::time::sleep(backoff.pause()).await;
                }
            }
        }
    }

    /// Deals with an answer, on a thread that may wait for the disk.
    async fn take(self: &Arc<Self>, reply: Option<SnapshotReply>) -> Taken {
        let feed = Arc::clone(self);
        let taking = tokio::task::spawn_blocking(move || match reply {
            Some(reply) => feed.take_document(reply),
            None => feed.take_nothing_new(),
        });
        taking.await.unwrap_or(Taken::Refused(None))
    }

    fn take_document(&self, reply: SnapshotReply) -> Taken {
        let SnapshotReply { tag, json } = reply;
        let parsed = serde_json::from_slice(&json).map_err(Refusal::Garbage);
        let taken = parsed.and_then(|document: SnapshotDocument| {
            // Of one that is in force already there is nothing to compile.
            if document.tag() == self.options.current.load().tag {
                self.options.current.confirm(self.options.local.clock.now());
                return Ok((document, false));
            }
            let in_force = self.compile(&document)?;
            // On disk first: a restart must not serve what was in force before this.
            self.keep(&document);
            self.install(&document, in_force, Origin::Source)?;
            Ok((document, true))
        });
        self.is_refusing.store(taken.is_err(), Ordering::Relaxed);
        match taken {
            Ok((document, is_news)) => {
                if !is_news {
                    self.keep(&document);
                }
                // The same once more, under whatever name: hurry is out of place.
                let tag = tag.unwrap_or_else(|| document.tag());
                if is_news { Taken::News(tag) } else { Taken::Same(tag) }
            }
            Err(refusal) => {
                counter!("tollgate_snapshot_refused_total").increment(1);
                let error = refusal.to_string();
                tracing::error!(error, tag, "snapshot refused, the last good one stays in force");
                Taken::Refused(tag)
            }
        }
    }

    fn take_nothing_new(&self) -> Taken {
        let SnapshotFeedOptions { current, local, file, .. } = &self.options;
        if self.is_refusing.load(Ordering::Relaxed) {
            return Taken::NothingNew;
        }
        current.confirm(local.clock.now());
        // A secret that could not be had may be there by now.
        if self.is_lacking.load(Ordering::Relaxed)
            && let Ok(Some(kept)) = file.load()
            && kept.document.tag() == current.load().tag
            && let Err(error) = self.put_in_force(&kept.document, Origin::Source)
        {
            tracing::warn!(%error, "snapshot not compiled again");
        }
        Taken::NothingNew
    }

    fn put_in_force(
        &self,
        document: &SnapshotDocument,
        origin: Origin,
    ) -> Result<(), InForceError> {
        let in_force = self.compile(document)?;
        self.install(document, in_force, origin)
    }

    fn compile(&self, document: &SnapshotDocument) -> Result<InForce, InForceError> {
        let previous = self.options.current.load();
        InForce::compile(document, Some(&previous), &self.options.local)
    }

    fn install(
        &self,
        document: &SnapshotDocument,
        in_force: InForce,
        origin: Origin,
    ) -> Result<(), InForceError> {
        let SnapshotFeedOptions { current, local, treasury, .. } = &self.options;
        self.is_lacking.store(!in_force.left_out().is_empty(), Ordering::Relaxed);
        // Budgets first: a request that decides from the new keys meets the new limits.
        let zone = document.billing_zone().map_err(InForceError::from)?;
        treasury.configure_in(&zone, &in_force.snapshot.budgets);
        current.replace(in_force, origin, local.clock.now());
        Ok(())
    }

    fn keep(&self, document: &SnapshotDocument) {
        if let Err(error) = self.options.file.save(document) {
            counter!("tollgate_snapshot_save_errors_total").increment(1);
            tracing::error!(
                %error,
                "the snapshot is not on disk: a restart would serve an older one"
            );
        }
    }

    async fn show_age(&self) {
        loop {
            self.options.current.set_gauges(self.options.local.clock.now());
            tokio::time::sleep(SHOW_EVERY).await;
        }
    }
}
