//! Whose row each line of a batch's results is: the first that claimed it, for ever (ADR 012).
//!
//! For each file or batch there is a log of objects, numbered from 0 and put only where there is none;
//! each names lines and the places in a spool of the rows that own them. Who loses a number reads what
//! won, and claims what is left. It must never know Parquet, the Delta log, or what a line says.

mod object;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path as FsPath;
use std::sync::Arc;

use events::LineKey;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use tokio::sync::Mutex;

use crate::durable::DurableLocal;
use crate::{LakeError, LakeRow};
use object::Claim;

/// The directory of claims, beside the tables.
const NAME: &str = "batches";
/// Lines whose owners are remembered, about 60 bytes each; the logs of more are read again.
const LINES_KEPT_MAX: usize = 400_000;

/// The claims of one lake.
#[derive(Debug)]
pub(crate) struct Claims {
    store: Arc<dyn ObjectStore>,
    known: Mutex<HashMap<String, Log>>,
}

/// What is known of the log of one file or batch.
#[derive(Debug, Default)]
struct Log {
    /// The first number nobody is known to have taken.
    next: u64,
    owners: HashMap<LineKey, Owner>,
}

/// The row a line belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    app: Arc<str>,
    seq: u64,
}

/// A row that records a line: its position among the rows, and its place in the spool.
struct Line {
    at: usize,
    seq: u64,
    key: LineKey,
}

impl Claims {
    /// The claims of the lake in a directory that is there.
    pub(crate) fn open(lake: &FsPath) -> Result<Self, LakeError> {
        let dir = lake.canonicalize().map_err(|error| LakeError::io(lake, error))?.join(NAME);
        let prefix = Path::from_absolute_path(&dir).map_err(object_store::Error::from)?;
        let store = PrefixStore::new(DurableLocal::default(), prefix);
        Ok(Self { store: Arc::new(store), known: Mutex::default() })
    }

    /// Claims the lines among the rows of a spool, and leaves out rows whose line another row owns.
    /// Rows that record no line stay as they are. `app` is the spool's application id.
    pub(crate) async fn keep_own(
        &self,
        app: &str,
        rows: Vec<LakeRow>,
    ) -> Result<Vec<LakeRow>, LakeError> {
        let mut lines: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            if let Some(line) = row.event.batch_line() {
                let line_of_row = Line { at, seq: row.seq, key: line.key };
                lines.entry(line.batch).or_default().push(line_of_row);
            }
        }
        if lines.is_empty() {
            return Ok(rows);
        }
        let app: Arc<str> = app.into();
        let mut foreign = HashSet::new();
        for (batch, lines) in lines {
            foreign.extend(self.claim(&app, batch, &lines).await?);
        }
        let kept = rows.into_iter().enumerate().filter(|(at, _)| !foreign.contains(at));
        Ok(kept.map(|(_, row)| row).collect())
    }

    /// Every line of a file or batch that some row owns.
    pub(crate) async fn claimed(&self, batch: &str) -> Result<HashSet<LineKey>, LakeError> {
        let name = directory(batch);
        let mut known = self.known.lock().await;
        let log = known.entry(name.clone()).or_default();
        let read = self.catch_up(&name, log).await;
        let claimed = log.owners.keys().copied().collect();
        if read.is_err() || log.owners.is_empty() {
            known.remove(&name);
        }
        forget_some(&mut known);
        read.map(|()| claimed)
    }

    /// Claims lines of one batch; the positions of those that are not `app`'s.
    async fn claim(
        &self,
        app: &Arc<str>,
        batch: &str,
        lines: &[Line],
    ) -> Result<Vec<usize>, LakeError> {
        let name = directory(batch);
        let mut known = self.known.lock().await;
        let log = known.entry(name.clone()).or_default();
        let claimed = self.claim_in(&name, log, (app, lines)).await;
        let foreign = claimed.map(|()| {
            let is_foreign = |line: &&Line| !log.is_owned(line, app);
            lines.iter().filter(is_foreign).map(|line| line.at).collect()
        });
        if foreign.is_err() {
            // An object whose put failed may be there all the same: nothing known still holds.
            known.remove(&name);
        }
        forget_some(&mut known);
        foreign
    }

    async fn claim_in(
        &self,
        name: &str,
        log: &mut Log,
        (app, lines): (&Arc<str>, &[Line]),
    ) -> Result<(), LakeError> {
        loop {
            self.catch_up(name, log).await?;
            let mut seen = HashSet::new();
            let is_free = |line: &&Line| !log.owners.contains_key(&line.key);
            let free = lines.iter().filter(is_free).filter(|line| seen.insert(line.key));
            let free: Vec<(u64, LineKey)> = free.map(|line| (line.seq, line.key)).collect();
            if free.is_empty() {
                return Ok(());
            }
            let claim = Claim { app: Arc::clone(app), lines: free };
            let place = object_path(name, log.next);
            let create = PutOptions::from(PutMode::Create);
            match self.store.put_opts(&place, claim.encode().into(), create).await {
                Ok(_) => log.take(claim),
                Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads the objects that were put since.
    async fn catch_up(&self, name: &str, log: &mut Log) -> Result<(), LakeError> {
        loop {
            let place = object_path(name, log.next);
            match self.store.get(&place).await {
                Ok(object) => {
                    let bytes = object.bytes().await?;
                    let claim = Claim::decode(&bytes).ok_or_else(|| {
                        let text = format!("the claims {NAME}/{place} of the lake are damaged");
                        LakeError::columnar(text)
                    })?;
                    log.take(claim);
                }
                Err(object_store::Error::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Log {
    /// Takes over the object at the next number. The first claim of a line counts.
    fn take(&mut self, claim: Claim) {
        let Claim { app, lines } = claim;
        for (seq, key) in lines {
            self.owners.entry(key).or_insert_with(|| Owner { app: Arc::clone(&app), seq });
        }
        self.next = self.next.saturating_add(1);
    }

    fn is_owned(&self, line: &Line, app: &Arc<str>) -> bool {
        let owner = self.owners.get(&line.key);
        owner.is_some_and(|owner| owner.seq == line.seq && owner.app == *app)
    }
}

/// Keeps what is remembered within bounds.
fn forget_some(known: &mut HashMap<String, Log>) {
    let lines: usize = known.values().map(|log| log.owners.len()).sum();
    if lines > LINES_KEPT_MAX {
        known.clear();
    }
}

/// The directory of a batch: its name is the provider's, and any text.
fn directory(batch: &str) -> String {
    blake3::hash(batch.as_bytes()).to_hex().chars().take(32).collect()
}

fn object_path(directory: &str, number: u64) -> Path {
    Path::from(format!("{directory}/{number:010}.claims"))
}
