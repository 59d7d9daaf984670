//! One half of an installation that runs apart: a console or a gateway with a directory of its own.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::harness::command::{Ended, binary, ended};
use crate::harness::process::Process;
use crate::harness::{Client, Row, run, wait_for};

/// Longest wait for something to be logged or told.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// A process that can be started again and again over the same directory and address.
pub(crate) struct Half {
    /// `console` or `gateway`.
    kind: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    directory: PathBuf,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    process: Option<Process>,
    starts: u32,
}

impl Half {
    /// Makes the directory and writes the configuration; starts nothing yet.
    pub(crate) fn prepare(
        kind: &'static str,
        directory: PathBuf,
        address: SocketAddr,
        configuration: &str,
    ) -> Self {
        fs::create_dir_all(&directory).unwrap();
        let half = Self { kind, address, directory, running: Mutex::default() };
        half.configure(configuration);
        half
    }

    /// Its directory: configuration, logs, and `data`.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    /// Writes the configuration anew; nobody is told.
    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.directory.join("tollgate.toml"), text).unwrap();
    }

    /// Changes the configuration in place.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.directory.join("tollgate.toml")).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        self.configure(&text.replace(from, to));
    }

    /// Starts a process in place of the one before, which is killed, and waits until it serves.
    pub(crate) fn restart(&self) {
        self.relaunch();
        self.ready();
    }

    /// The same without waiting for anything. The one before must not have ended by itself.
    pub(crate) fn relaunch(&self) {
        self.kill();
        let mut running = self.running();
        running.starts += 1;
        let mut command = binary(&self.directory);
        command.args(["--config", "tollgate.toml", self.kind]);
        let name = format!("{}-{}", self.kind, running.starts);
        running.process = Some(Process::start(command, &self.directory, &name));
    }

    /// Waits until the process serves.
    pub(crate) fn ready(&self) {
        let mut running = self.running();
        running.process.as_mut().expect("a process").ready(&[self.address]);
    }

    /// `kill -9`, of a process that must not have ended by itself.
    pub(crate) fn kill(&self) {
        if let Some(mut process) = self.running().process.take() {
            assert!(process.still_runs(), "the {} ended by itself: {}", self.kind, process.log());
            process.kill();
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        self.running().process.as_ref().expect("a process").signal(name);
    }

    /// Waits until the present process has logged a text; fails with the log.
    pub(crate) fn logged(&self, text: &str) {
        wait_for(
            &format!("`{text}` in the log of {}", self.directory.display()),
            TOLD_WITHIN,
            || {
                let running = self.running();
                running.process.as_ref().expect("a process").log().contains(text).then_some(())
            },
        );
    }

    /// What a gateway says of its readiness.
    pub(crate) fn readiness(&self) -> Value {
        let answer = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/readyz", self.address);
        let text = run(async { answer.get(url).send().await?.text().await }).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Waits until the snapshot that is in force in a gateway is on its disk too: it serves from
    /// a new one a moment before it has kept it.
    pub(crate) fn kept(&self) {
        let file = self.directory.join("data/snapshot.json");
        wait_for("the snapshot to be on disk", TOLD_WITHIN, || {
            let text = fs::read_to_string(&file).ok()?;
            let kept =
                serde_json::Deserializer::from_str(&text).into_iter::<Value>().next()?.ok()?;
            assert!(kept["version"].is_u64(), "{text}");
            (kept["version"] == self.readiness()["snapshot"]["version"]).then_some(())
        });
    }

    /// A client of a gateway.
    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(self.address, key)
    }

    /// Names of the epochs in a gateway's spool, in order.
    pub(crate) fn epochs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.directory.join("data/spool")) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut epochs: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        epochs.sort();
        epochs
    }

    /// Runs a command over its configuration.
    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Ended {
        ended(binary(&self.directory).args(["--config", "tollgate.toml"]).args(arguments))
    }

    /// Runs a command that prints rows.
    pub(crate) fn rows(&self, arguments: &[&str]) -> Vec<Row> {
        let arguments = [arguments, &["--output", "json"]].concat();
        Row::read(&self.command(&arguments).succeeded())
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
