//! The stage of the demonstration: simulated providers, a service over a directory of its own,
//! history, keys and live traffic.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lake::LakeRow;
use simulator::traffic::{LiveTraffic, Population};
use simulator::{AlertSink, Simulator, SimulatorOptions, SinkOptions};
use store::{Actor, Role};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use units::{Clock, OffsetClock, Secret, SystemClock, Usd};

use super::history::{self, History};
use super::script::Script;
use crate::cli::{DemoArgs, KeyCreateArgs};
use crate::commands::config::load;
use crate::config::Config;
use crate::failure::CommandError;
use crate::service::{Halves, Ledger, Service, Start};
use crate::{commands, print, telemetry};

/// The team whose cap is nearly reached.
const TEAM_NEAR_CAP: &str = "support";
/// Live requests a second.
const RATE_PER_S: u32 = 4;

/// Everything the demonstration runs on.
pub(super) struct Stage {
    pub(super) directory: DataDir,
    pub(super) service: Service,
    pub(super) population: Arc<Population>,
    /// The secret of a key of each team.
    pub(super) keys: BTreeMap<String, Secret>,
    history: History,
    /// Takes the alerts in place of Slack.
    pub(super) sink: AlertSink,
    /// The providers, which answer as long as this is held.
    pub(super) providers: Simulator,
    /// Runs the providers and their traffic, apart from the product.
    pub(super) outside: Runtime,
}

/// The demonstration's directory, removed at its end unless it was given or is to be kept.
pub(super) struct DataDir {
    pub(super) path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl DataDir {
    pub(super) fn new(arguments: &DemoArgs) -> Result<Self, CommandError> {
        if let Some(path) = &arguments.data_dir {
            std::fs::create_dir_all(path)
                .map_err(CommandError::system(format!("cannot use {}", path.display())))?;
            let path =
                path.canonicalize().map_err(CommandError::system("cannot resolve --data-dir"))?;
            return Ok(Self { path, temporary: None });
        }
        let temporary = tempfile::Builder::new().prefix("tollgate-demo-").tempdir();
        let temporary = temporary.map_err(CommandError::system("cannot make a directory"))?;
        if arguments.keep {
            return Ok(Self { path: temporary.keep(), temporary: None });
        }
        Ok(Self { path: temporary.path().to_path_buf(), temporary: Some(temporary) })
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path.join("tollgate.toml")
    }

    /// Writes a file the configuration refers to.
    fn write(&self, name: &str, text: &str) -> Result<(), CommandError> {
        let path = self.path.join(name);
        std::fs::write(&path, text)
            .map_err(CommandError::system(format!("cannot write {}", path.display())))
    }

    fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }
}

/// Runs the demonstration until it is told to stop.
pub(super) fn run(arguments: &DemoArgs) -> Result<(), CommandError> {
    let stage = Stage::set(arguments)?;
    let login = stage.service.login_url(Role::Admin)?;
    print::text(&stage.introduction(login.expose()))?;
    let Stage { directory, service, population, keys, history, sink, providers, outside } = stage;
    let (stop, stopping) = watch::channel(false);
    let traffic = LiveTraffic {
        base_url: base_url(&service.config),
        keys,
        population,
        rate_per_s: RATE_PER_S,
        concurrency_max: 64,
        seed: arguments.seed,
    };
    let traffic = outside.spawn(traffic.run(stopping));
    service.runtime().spawn(fill_in(history, service.lake.clone()));
    let served = service.serve();
    // A receiver that is gone has stopped already.
    let _ = stop.send(true);
    traffic.abort();
    drop((providers, sink));
    outside.shutdown_background();
    if directory.is_kept() {
        print::line(&format!("kept: {}", directory.path.display()))?;
    }
    served
}

impl Stage {
    /// Sets everything up to the point where the gateway may serve: this month's history is there.
    pub(super) fn set(arguments: &DemoArgs) -> Result<Self, CommandError> {
        let directory = DataDir::new(arguments)?;
        let clock: Arc<dyn Clock> = match arguments.now {
            Some(now) => Arc::new(OffsetClock::starting_at(now)),
            None => Arc::new(SystemClock),
        };
        let outside = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("outside")
            .enable_all()
            .build()
            .map_err(CommandError::system("cannot start threads"))?;
        let providers = outside.block_on(providers(arguments.seed, Arc::clone(&clock)))?;
        let population = Arc::new(Population::seeded(arguments.seed));
        let prices = Arc::new(pricing::PriceBook::embedded()?);
        let mut history = History::new(Arc::clone(&population), prices, clock.now());
        let (this_month, _) = history.days();
        let rows: Vec<Vec<LakeRow>> = this_month.into_iter().map(|day| history.day(day)).collect();
        let sink = outside.block_on(sink(Arc::clone(&clock)))?;
        directory.write("slack-url", sink.slack_url().expose())?;
        let config = write_config(arguments, &directory, &population, providers.addr(), &rows)?;
        telemetry::log(&config.telemetry)?;
        let ledger = Ledger::open(&config, &clock)?;
        ledger.runtime.block_on(history::commit(&ledger.lake, rows))?;
        let keys = ledger.runtime.block_on(keys(&config, &ledger, &population))?;
        let file = Some(directory.config());
        let start = Start { config, file, clock, metrics: telemetry::metrics()? };
        let service = Service::start(start, ledger, Halves::Both)?;
        Ok(Self { directory, service, population, keys, history, sink, providers, outside })
    }

    fn introduction(&self, login: &str) -> String {
        let config = self.directory.config();
        let (config, base_url) = (config.display(), base_url(&self.service.config));
        let key = self.keys.values().next().map_or("", Secret::expose);
        let program = std::env::current_exe();
        let program = program.as_deref().unwrap_or_else(|_| Path::new("tollgate")).display();
        format!(
            "Tollgate is running with simulated providers and 90 days of history.\n\n\
             console   {login}\n          (the link logs you in, once)\n\
             alerts    http://{sink}/  (every message as Slack would get it)\n\n\
             Point an SDK at it:\n  \
             export OPENAI_BASE_URL={base_url} OPENAI_API_KEY={key}\n\
             Ask the lake:\n  \
             {program} --config {config} query \"SELECT team, sum(cost_usd) AS usd FROM usage GROUP BY team ORDER BY usd DESC\"\n\
             Take the data with you:\n  \
             {program} --config {config} export parquet --from {from} --to {to} ./usage-export\n\n\
             Ctrl-C stops it.\n",
            sink = self.sink.addr(),
            from = units::BillingZone::UTC.date_of(self.service.clock().now()).first_of_month(),
            to = units::BillingZone::UTC.date_of(self.service.clock().now()),
        )
    }
}

/// Where SDKs reach the gateway.
pub(super) fn base_url(config: &Config) -> String {
    format!("http://{}/v1", config.server.gateway)
}

/// Port 0 becomes a port that is free now, so that it can be told to others.
pub(super) fn free(address: SocketAddr) -> Result<SocketAddr, CommandError> {
    if address.port() != 0 {
        return Ok(address);
    }
    let listener = TcpListener::bind(address);
    listener
        .and_then(|listener| listener.local_addr())
        .map_err(CommandError::system(format!("cannot listen on {address}")))
}

/// Starts the simulated providers, which outlive every gateway.
pub(super) async fn providers(seed: u64, clock: Arc<dyn Clock>) -> Result<Simulator, CommandError> {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = SimulatorOptions { bind, seed, clock, ..SimulatorOptions::default() };
    let started = Simulator::start(options).await;
    started.map_err(|error| CommandError::Usage(format!("simulated providers: {error}")))
}

/// Starts what takes the alerts.
async fn sink(clock: Arc<dyn Clock>) -> Result<AlertSink, CommandError> {
    let started = AlertSink::start(SinkOptions { clock, ..SinkOptions::default() }).await;
    started.map_err(|error| CommandError::Usage(format!("receiver of alerts: {error}")))
}

fn write_config(
    arguments: &DemoArgs,
    directory: &DataDir,
    population: &Population,
    providers: SocketAddr,
    rows: &[Vec<LakeRow>],
) -> Result<Config, CommandError> {
    let budget = |(team, spent): (String, Usd)| {
        let per_mille = if team == TEAM_NEAR_CAP { 1_030 } else { 2_500 };
        let limit = spent.per_mille(per_mille) + Usd::from_dollars(1);
        let limit = limit.to_fixed(2).parse().unwrap_or(limit);
        (team, limit)
    };
    let script = Script {
        population,
        gateway: free(arguments.gateway)?,
        console: free(arguments.console)?,
        providers,
        data_dir: &directory.path,
        budgets: history::spend_by_team(rows.iter().flatten()).into_iter().map(budget).collect(),
        log: "warn",
        has_alerts: true,
    };
    write(&script, directory)
}

/// Writes the configuration and what it refers to, and reads it as any command would.
pub(super) fn write(script: &Script<'_>, directory: &DataDir) -> Result<Config, CommandError> {
    directory.write("provider-key", "sk-simulated")?;
    directory.write("tollgate.toml", &script.text())?;
    load(&directory.config())
}

async fn keys(
    config: &Config,
    ledger: &Ledger,
    population: &Population,
) -> Result<BTreeMap<String, Secret>, CommandError> {
    let mut keys = BTreeMap::new();
    for team in &population.teams {
        let slug = |text: &str| {
            text.parse().map_err(|error| CommandError::Usage(format!("population: {error}")))
        };
        let arguments = KeyCreateArgs {
            team: slug(&team.slug)?,
            project: Some(slug(&team.project)?),
            name: Some(format!("{} (demonstration)", team.slug)),
            user: None,
            feature: None,
            routes: Vec::new(),
            expires: None,
        };
        let key = commands::key::new_key(config, &arguments)?;
        let (_, secret) = ledger.store.keys().create(&key, &Actor::System).await?;
        keys.insert(team.slug.clone(), secret);
    }
    Ok(keys)
}

/// Lays in the months before the current one while the product already runs.
async fn fill_in(mut history: History, lake: lake::Lake) {
    let (_, before) = history.days();
    for day in before {
        let rows = history.day(day);
        if let Err(error) = history::commit(&lake, vec![rows]).await {
            tracing::error!(%error, "history stopped");
            return;
        }
    }
}
