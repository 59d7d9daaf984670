//! One serving process: started, watched, stopped in order or killed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::harness::wait_for;

/// Longest wait for a process to serve. A debug build on a busy machine opens its lake slowly.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for an orderly stop.
const STOPS_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for a probe's answer.
const PROBE_WITHIN: Duration = Duration::from_secs(2);
/// Of a log that is shown when a test fails, bytes.
const LOG_SHOWN: usize = 6_000;

/// A process that serves; killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    out: PathBuf,
}

impl Process {
    /// Starts a command with its output in files of `directory` named by `name`.
    pub(crate) fn start(mut command: Command, directory: &Path, name: &str) -> Self {
        let log = directory.join(format!("{name}.err"));
        let out = directory.join(format!("{name}.out"));
        command.stdin(Stdio::null());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&log).unwrap());
        Self { child: command.spawn().unwrap(), log, out }
    }

    /// Waits until every address answers that it is ready.
    pub(crate) fn ready(&mut self, addresses: &[SocketAddr]) {
        wait_for("the process to serve", STARTS_WITHIN, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the process ended with {status}: {}", self.log());
            }
            let is_ready = |address: &SocketAddr| probe(*address, "/readyz") == Some(200);
            addresses.iter().all(is_ready).then_some(())
        });
    }

    /// Kills it where it stands, as the kernel would.
    pub(crate) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Whether it has not ended.
    pub(crate) fn still_runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success(), "kill -{name} {id}");
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the process to end", STOPS_WITHIN, || self.child.try_wait().unwrap())
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it wrote to standard output.
    pub(crate) fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let start = log.ceil_char_boundary(log.len().saturating_sub(LOG_SHOWN));
            eprintln!("--- end of {} ---\n{}", self.log.display(), &log[start..]);
        }
    }
}

/// Status of `GET path`; `None` when nobody answers.
pub(crate) fn probe(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PROBE_WITHIN).ok()?;
    stream.set_read_timeout(Some(PROBE_WITHIN)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    String::from_utf8_lossy(&head).strip_prefix("HTTP/1.1 ")?.parse().ok()
}
