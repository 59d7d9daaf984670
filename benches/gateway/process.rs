//! Child processes of a bench, and what they use: CPU time and memory, from `/proc`.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Result;

/// Clock ticks a second, as Linux reports CPU times to every process.
const TICKS_PER_S: f64 = 100.0;

/// Longest wait for an orderly end.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// A process and its children, ended when dropped.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Result<Self> {
        Ok(Self(command.stdout(Stdio::null()).spawn()?))
    }

    /// CPU time of the process and its direct children so far, seconds.
    pub(super) fn cpu_s(&self) -> f64 {
        self.family().into_iter().map(cpu_s).sum()
    }

    /// Resident memory of the process, bytes.
    pub(super) fn resident_bytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
        kib * 1024.0
    }

    fn family(&self) -> Vec<u32> {
        let own = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        std::iter::once(own).chain(children).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A killed master would leave its workers behind: it is asked first.
        let id = self.0.id().to_string();
        let _asked = Command::new("kill").args(["-TERM", &id]).status();
        let deadline = Instant::now() + ENDS_WITHIN;
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _gone_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn cpu_s(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The second field, the name in parentheses, may hold spaces.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_PER_S
}
