//! An installation in several processes: a console, gateways, one lake, one secret.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use simulator::Simulator;
use tempfile::TempDir;

use crate::harness::half::Half;
use crate::harness::setup::Addresses;
use crate::harness::{Row, Setup, ports, providers, run, wait_for};

/// Longest wait for what takes a commit, a query and a round of leases.
const SEEN_WITHIN: Duration = Duration::from_secs(40);

/// A console, its gateways, and the simulated providers behind them.
pub(crate) struct Apart {
    /// The console, whose configuration and database decide.
    pub(crate) console: Half,
    /// `gw-0`, `gw-1` and so on.
    pub(crate) gateways: Vec<Half>,
    /// Simulated providers, which outlive every process.
    pub(crate) providers: Simulator,
    directory: TempDir,
}

impl Apart {
    /// Starts a console and so many gateways, and waits until all serve.
    pub(crate) fn start(setup: &Setup, gateways: usize) -> Self {
        let directory = tempfile::Builder::new().prefix("tollgate-apart-").tempdir().unwrap();
        let root = directory.path();
        let providers = providers::start(setup.answer_words.clone());
        fs::write(root.join("link-secret"), "a secret that both halves share\n").unwrap();
        let addresses = Addresses {
            gateway: ports::free(),
            console: ports::free(),
            providers: providers.addr(),
            nobody: ports::free(),
        };
        let mut of_console = setup.clone();
        of_console.storage += &format!("lake_dir = \"{}/lake\"\n", root.display());
        let of_console = of_console
            .with(&format!("\n[link]\nsecret = \"file:{}/link-secret\"\n", root.display()));
        let place = root.join("console");
        let text = of_console.text(&place, &addresses);
        let console = Half::prepare("console", place, addresses.console, &text);
        fs::write(console.path().join("provider-key"), "sk-simulated\n").unwrap();
        let gateway = |number: usize| {
            let (place, address) = (root.join(format!("gw-{number}")), ports::free());
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("link-secret"), "a secret that both halves share\n").unwrap();
            let text = format!(
                "[organisation]\nslug = \"acme\"\n\n[server]\ngateway = \"{address}\"\n\n\
                 [telemetry]\nlog = \"info,buoyant_kernel=warn\"\n\n\
                 [storage]\nnode_id = \"gw-{number}\"\ndata_dir = \"{}/data\"\n\
                 lake_dir = \"{}/lake\"\ncommit_interval_ms = {}\n\n\
                 [link]\nconsole_url = \"http://{}\"\nsecret = \"file:{}/link-secret\"\n",
                place.display(),
                root.display(),
                setup.commit_interval_ms,
                addresses.console,
                place.display(),
            );
            Half::prepare("gateway", place, address, &text)
        };
        let gateways: Vec<Half> = (0..gateways).map(gateway).collect();
        console.restart();
        gateways.iter().for_each(Half::relaunch);
        gateways.iter().for_each(Half::ready);
        Self { console, gateways, providers, directory }
    }

    /// A key that every gateway knows and has on disk, made by the command that people use.
    pub(crate) fn key(&self, team: &str) -> String {
        let made = self.console.command(&["key", "create", "--team", team]).succeeded();
        let key = made.trim().to_owned();
        for gateway in &self.gateways {
            let client = gateway.client(&key);
            wait_for("the new key to work", Duration::from_secs(10), || {
                (run(client.models()) == 200).then_some(())
            });
            gateway.kept();
        }
        key
    }

    /// Where the lake is.
    pub(crate) fn lake(&self) -> PathBuf {
        self.directory.path().join("lake")
    }

    /// Asks the lake.
    pub(crate) fn query(&self, sql: &str) -> Vec<Row> {
        self.console.rows(&["query", sql])
    }

    /// Waits until so many final rows of a team are in the lake, and gives all rows of it.
    pub(crate) fn rows_of(&self, team: &str, requests: usize) -> Vec<Row> {
        let sql = format!("SELECT * FROM usage WHERE team = '{team}' AND status = 200");
        let what = format!("{requests} requests of {team} in the lake");
        wait_for(&what, SEEN_WITHIN, || {
            let rows = self.query(&sql);
            (rows.iter().filter(|row| row.flag("is_final")).count() >= requests).then_some(rows)
        })
    }

    /// The open leases on a budget.
    pub(crate) fn leases(&self, budget: &str) -> Vec<Row> {
        let mut leases = self.console.rows(&["budget", "leases"]);
        leases.retain(|lease| lease.text("budget") == budget);
        leases
    }
}
