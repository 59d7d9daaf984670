//! A running Tollgate over a directory of its own, with simulated providers behind it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;
use simulator::Simulator;
use tempfile::TempDir;

use crate::harness::command::{Ended, binary, ended};
use crate::harness::process::Process;
use crate::harness::setup::Addresses;
use crate::harness::{Client, Row, Setup, ports, providers, wait_for};

/// Longest wait for rows, beyond the commit interval: a query is a process of its own.
const ROWS_WITHIN: Duration = Duration::from_secs(30);

/// A Tollgate, its providers and its directory. Everything ends when it is dropped.
pub(crate) struct Tollgate {
    process: Mutex<Option<Process>>,
    /// Simulated providers, which outlive every process.
    pub(crate) providers: Simulator,
    /// Who listens where.
    pub(crate) addresses: Addresses,
    directory: TempDir,
    starts: Mutex<u32>,
}

impl Tollgate {
    /// Writes the configuration and serves.
    pub(crate) fn start(setup: &Setup) -> Self {
        let tollgate = Self::prepare(setup);
        tollgate.restart();
        tollgate
    }

    /// Writes the configuration only.
    pub(crate) fn prepare(setup: &Setup) -> Self {
        let directory = tempfile::Builder::new().prefix("tollgate-story-").tempdir().unwrap();
        let providers = providers::start(setup.answer_words.clone());
        let addresses = Addresses {
            gateway: ports::free(),
            console: ports::free(),
            providers: providers.addr(),
            nobody: ports::free(),
        };
        fs::write(directory.path().join("provider-key"), "sk-simulated\n").unwrap();
        fs::write(directory.path().join("aws-key"), simulator::AWS_CREDENTIALS).unwrap();
        let text = setup.text(directory.path(), &addresses);
        fs::write(directory.path().join("tollgate.toml"), text).unwrap();
        let (process, starts) = (Mutex::new(None), Mutex::new(0));
        Self { process, providers, addresses, directory, starts }
    }

    /// Starts a process, in place of the one before, and waits until it serves.
    pub(crate) fn restart(&self) {
        self.kill();
        let mut process = self.spawn();
        process.ready(&[self.addresses.gateway, self.addresses.console]);
        *lock(&self.process) = Some(process);
    }

    /// Starts a process without waiting for anything.
    pub(crate) fn spawn(&self) -> Process {
        let mut starts = lock(&self.starts);
        *starts += 1;
        let mut command = binary(self.path());
        command.args(["--config", "tollgate.toml", "serve"]);
        Process::start(command, self.path(), &format!("serve-{starts}"))
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        if let Some(mut process) = lock(&self.process).take() {
            process.kill();
        }
    }

    /// Sends SIGTERM and gives the process back, to be waited for.
    pub(crate) fn terminate(&self) -> Process {
        let process = lock(&self.process).take().unwrap();
        process.signal("TERM");
        process
    }

    /// Stops in order and says how it ended.
    pub(crate) fn stop(&self) -> ExitStatus {
        self.terminate().ended()
    }

    /// What the present process has logged.
    pub(crate) fn log(&self) -> String {
        lock(&self.process).as_ref().map(Process::log).unwrap_or_default()
    }

    /// The link that logs in, as `serve` prints it.
    pub(crate) fn login_link(&self) -> String {
        let look = || {
            let out = lock(&self.process).as_ref().map(Process::out).unwrap_or_default();
            out.lines()
                .find_map(|line| line.strip_prefix("log in"))
                .map(|url| url.trim().to_owned())
        };
        wait_for("the login link", Duration::from_secs(10), look)
    }

    /// Its directory: configuration, logs, and `data`.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where it keeps what it records.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Runs a command over its configuration.
    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Ended {
        ended(binary(self.path()).args(["--config", "tollgate.toml"]).args(arguments))
    }

    /// A key of a team, made by the command that people use.
    pub(crate) fn key(&self, team: &str, more: &[&str]) -> String {
        let arguments = [&["key", "create", "--team", team], more].concat();
        self.command(&arguments).succeeded().trim().to_owned()
    }

    /// A client with a fresh key of a team, which the gateway already knows.
    pub(crate) fn client(&self, team: &str) -> Client {
        let client = Client::new(self.addresses.gateway, &self.key(team, &[]));
        wait_for("the new key to work", Duration::from_secs(10), || {
            (providers::run(client.models()) == 200).then_some(())
        });
        client
    }

    /// Asks the lake.
    pub(crate) fn query(&self, sql: &str) -> Vec<Row> {
        let text = self.command(&["query", sql, "--output", "json"]).succeeded();
        let rows: Vec<Value> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{sql}: {error}: {text}"));
        rows.into_iter().map(Row::from).collect()
    }

    /// Waits until every one of these requests has a final row, and gives all their rows by request
    /// and attempt.
    pub(crate) fn rows_of(&self, request_ids: &[String]) -> Vec<Row> {
        let quoted: Vec<String> = request_ids.iter().map(|id| format!("'{id}'")).collect();
        let sql = format!(
            "SELECT * FROM usage WHERE request_id IN ({}) ORDER BY request_id, attempt",
            quoted.join(", ")
        );
        wait_for(&format!("rows of {request_ids:?}"), ROWS_WITHIN, || {
            let rows = self.query(&sql);
            let finals = rows.iter().filter(|row| row.flag("is_final")).count();
            (finals >= request_ids.len()).then_some(rows)
        })
    }

    /// Waits until so many requests of a customer have a final row, and gives all their rows, oldest
    /// first.
    pub(crate) fn rows_of_customer(&self, customer: &str, requests: usize) -> Vec<Row> {
        let sql = format!(
            "SELECT * FROM usage WHERE customer = '{customer}' ORDER BY received_at, request_id, attempt"
        );
        wait_for(&format!("{requests} rows of customer {customer}"), ROWS_WITHIN, || {
            let rows = self.query(&sql);
            let finals = rows.iter().filter(|row| row.flag("is_final")).count();
            (finals >= requests).then_some(rows)
        })
    }

    /// The only row of one request.
    pub(crate) fn row_of(&self, request_id: &str) -> Row {
        let mut rows = self.rows_of(&[request_id.to_owned()]);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }
}

impl Drop for Tollgate {
    fn drop(&mut self) {
        drop(lock(&self.process).take());
    }
}

/// One Tollgate for all stories of a module that run at the same time; it ends with the last.
pub(crate) struct Shared(Mutex<Weak<Tollgate>>);

impl Shared {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The one that runs, or a new one.
    pub(crate) fn get(&self, setup: impl FnOnce() -> Setup) -> Arc<Tollgate> {
        let mut shared = lock(&self.0);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Tollgate::start(&setup()));
        *shared = Arc::downgrade(&started);
        started
    }
}

/// A test that failed elsewhere must not fail this one.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
