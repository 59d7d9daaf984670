//! The tour of chaos: a minute of kill -9 at random moments under 64 clients at a small cap.
//! Nothing answered is lost, nothing is counted twice, and the cap is never passed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use simulator::Simulator;
use simulator::traffic::Population;
use tokio::task::JoinSet;
use units::{Clock, SystemClock, Usd};

use super::chaos_check::{Seen, check};
use super::client::{Application, Ending};
use super::digits::breach;
use super::script::Script;
use super::stage::{DataDir, base_url, free, providers, write};
use crate::cli::{DemoArgs, KeyCreateArgs};
use crate::commands::key::new_key;
use crate::config::Config;
use crate::failure::CommandError;
use crate::print;
use crate::service::Ledger;

/// How long the processes are killed.
const STORM: Duration = Duration::from_secs(60);
/// Clients at once.
const CLIENTS: usize = 64;
/// The team whose cap is small.
const TEAM: &str = "search";
/// Its cap.
const CAP: Usd = Usd::from_dollars(1);
/// Longest wait for a process to serve.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// Runs the tour.
pub(super) fn run(arguments: &DemoArgs) -> Result<(), CommandError> {
    let directory = DataDir::new(arguments)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outside = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?;
    let simulator = outside.block_on(providers(arguments.seed, Arc::clone(&clock)))?;
    let population = Population::seeded(arguments.seed);
    let script = Script {
        population: &population,
        gateway: free(arguments.gateway)?,
        console: free(arguments.console)?,
        providers: simulator.addr(),
        data_dir: &directory.path,
        budgets: vec![(TEAM.to_owned(), CAP)],
        log: "error",
        has_alerts: false,
    };
    let config = write(&script, &directory)?;
    let application = application(&config, &clock)?;
    let storm = Storm { config_path: directory.config(), seed: arguments.seed };
    let (seen, kills) = outside.block_on(storm.rage(&config, application))?;
    print::line(&format!(
        "chaos: {kills} kills, {} answered, {} denied, {} broken",
        seen.answered.len(),
        seen.denied,
        seen.broken
    ))?;
    let result = verify(&config, &clock, &seen, &simulator);
    outside.shutdown_background();
    result
}

fn application(config: &Config, clock: &Arc<dyn Clock>) -> Result<Application, CommandError> {
    let ledger = Ledger::open(config, clock)?;
    let arguments = KeyCreateArgs {
        team: TEAM.parse().map_err(|error| CommandError::Usage(format!("{error}")))?,
        project: None,
        name: None,
        user: None,
        feature: None,
        routes: Vec::new(),
        expires: None,
    };
    let key = new_key(config, &arguments)?;
    let created = ledger.store.keys();
    let (_, secret) = ledger.runtime.block_on(created.create(&key, &store::Actor::System))?;
    Application::new(&base_url(config), secret)
}

fn verify(
    config: &Config,
    clock: &Arc<dyn Clock>,
    seen: &Seen,
    simulator: &Simulator,
) -> Result<(), CommandError> {
    let ledger = Ledger::open(config, clock)?;
    ledger.runtime.block_on(check(&ledger.lake, seen, &simulator.bill(), CAP))
}

struct Storm {
    config_path: std::path::PathBuf,
    seed: u64,
}

impl Storm {
    async fn rage(
        &self,
        config: &Config,
        application: Application,
    ) -> Result<(Seen, u32), CommandError> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(client(number, application.clone(), Arc::clone(&stop)));
        }
        let start = Instant::now();
        let mut kills = 0;
        let mut dice = self.seed | 1;
        while start.elapsed() < STORM {
            let mut process = serve(&self.config_path)?;
            ready(config, &mut process).await?;
            // xorshift: the moments differ from run to run only by the seed.
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            tokio::time::sleep(Duration::from_millis(200 + dice % 2_300)).await;
            process.kill().map_err(CommandError::system("cannot kill the serving process"))?;
            process.wait().map_err(CommandError::system("cannot wait for the killed process"))?;
            kills += 1;
        }
        stop.store(true, Ordering::SeqCst);
        let mut seen = Seen::default();
        while let Some(joined) = clients.join_next().await {
            seen.merge(joined.map_err(|error| breach(format!("a client failed: {error}")))?);
        }
        Ok((seen, kills))
    }
}

async fn client(number: usize, application: Application, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let models = ["gpt-5.4", "claude-haiku-5-5"];
    let mut turn = number;
    while !stop.load(Ordering::SeqCst) {
        turn += 1;
        let model = models[turn % models.len()];
        let pause = match application.ask(model, "chaos-tour", turn.is_multiple_of(3)).await {
            Ending::Answered { request_id, cost } => {
                seen.answered.insert(request_id, cost);
                continue;
            }
            Ending::Denied => {
                seen.denied += 1;
                100
            }
            Ending::Broken => {
                seen.broken += 1;
                50
            }
            Ending::Refused(status) => {
                *seen.refused.entry(status).or_insert(0) += 1;
                100
            }
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    seen
}

fn serve(config: &Path) -> Result<Child, CommandError> {
    let program =
        std::env::current_exe().map_err(CommandError::system("cannot find this program"))?;
    Command::new(program)
        .arg("--config")
        .arg(config)
        .arg("serve")
        .stdout(Stdio::null())
        .spawn()
        .map_err(CommandError::system("cannot start the serving process"))
}

async fn ready(config: &Config, process: &mut Child) -> Result<(), CommandError> {
    let url = format!("http://{}/readyz", config.server.gateway);
    let start = Instant::now();
    while start.elapsed() < STARTS_WITHIN {
        if let Ok(Some(status)) = process.try_wait() {
            return Err(breach(format!("the serving process ended with {status}")));
        }
        if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(breach(format!("the serving process was not ready within {STARTS_WITHIN:?}")))
}

impl Seen {
    fn merge(&mut self, other: Seen) {
        self.answered.extend(other.answered);
        self.denied += other.denied;
        self.broken += other.broken;
        for (status, count) in other.refused {
            *self.refused.entry(status).or_insert(0) += count;
        }
    }
}

/// Counts by status, for requests that ended as nothing expected.
pub(super) type Refused = BTreeMap<u16, u64>;
