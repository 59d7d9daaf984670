//! How long the console's pages take, with more and more events behind them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lake::{Lake, LakeOptions, Maintenance, MaintenanceOptions};
use reqwest::Client;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use tokio::sync::watch;
use units::{BillingZone, Clock, SystemClock};

use super::history::History;
use super::{Result, verdict};

/// Pages but the statement, whose address holds the month, and how often each is opened.
const PAGES: [&str; 9] = [
    "/",
    "/explore?range=30d&grain=day&by=team&by=model",
    "/explore?range=30d&grain=week&by=feature&compare=1",
    "/requests",
    "/budgets",
    "/statements",
    "/prices",
    "/prices/what-if",
    "/prices/drift",
];
/// Pages that read the rows of a month, whatever their number: told beside the others, with a target of
/// their own, and opened less often.
const ROW_PAGES: [&str; 2] =
    ["/prices/retiring", "/prices/what-if?range=30d&as=anthropic/claude-haiku-5-5"];
const ROW_PAGES_OPENED: usize = 5;
const OPENED: usize = 60;
/// The slowest of a hundred that counts.
const PERCENTILE: usize = 95;
/// Most CPU time of a process at rest in two seconds, hundredths of a second.
const IDLE_TICKS: u64 = 20;
/// Longest wait for roll-ups, or for the console.
const READY_WITHIN: Duration = Duration::from_secs(1_800);

pub(super) async fn measure(millions: &[usize]) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut history = History::before(clock.now());
    let today = BillingZone::UTC.date_of(clock.now());
    let statement = format!("/statements/team/research/{:04}-{:02}", today.year(), today.month());
    let mut of_sizes = Vec::new();
    let mut slowest_of_rows = Duration::ZERO;
    for size in millions {
        grow(directory.path(), &clock, &mut history, size * 1_000_000).await?;
        let console = Console::start(directory.path()).await?;
        let mut slowest = Duration::ZERO;
        for page in PAGES.into_iter().chain([statement.as_str()]) {
            let p95 = console.p95(page, OPENED).await?;
            println!("{size} M events, {page}: p95 {:.1} ms", p95.as_secs_f64() * 1e3);
            slowest = slowest.max(p95);
        }
        for page in ROW_PAGES {
            let p95 = console.p95(page, ROW_PAGES_OPENED).await?;
            println!("{size} M events, {page}: slowest {:.0} ms", p95.as_secs_f64() * 1e3);
            slowest_of_rows = p95.max(slowest_of_rows);
        }
        of_sizes.push(slowest.as_secs_f64() * 1e3);
    }
    let of_rows = slowest_of_rows.as_secs_f64() * 1e3;
    verdict("slowest page over the rows of a month, ms", of_rows, 5_000.0, false);
    if let [first, .., last] = of_sizes[..] {
        verdict("slowest page's p95 with the most events, ms", last, 100.0, false);
        verdict("slowest page's p95, most events / fewest", last / first, 1.5, false);
    }
    Ok(())
}

/// Adds events until there are so many, and rolls them up.
async fn grow(
    directory: &Path,
    clock: &Arc<dyn Clock>,
    history: &mut History,
    events: usize,
) -> Result<()> {
    let began = Instant::now();
    let lake = Lake::open(LakeOptions::new(directory.join("lake")), Arc::clone(clock)).await?;
    while history.made() < events {
        lake.append_history("bench/history", [history.commit()]).await?;
    }
    let maintenance = Maintenance::new(lake, MaintenanceOptions::default());
    let progress = maintenance.progress();
    let (stop, stopping) = watch::channel(false);
    let upkeep = tokio::spawn(maintenance.run(stopping));
    loop {
        let tables = progress.get().tables;
        if tables.rolled_version == Some(tables.usage_version) && tables.tail_files == 0 {
            break;
        }
        if began.elapsed() > READY_WITHIN {
            return Err(format!("not rolled up after {READY_WITHIN:?}: {tables:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.send(true)?;
    upkeep.await?;
    println!("{events} events after {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// The console as a process, and a session there.
struct Console {
    process: Child,
    address: SocketAddr,
    http: Client,
    cookie: String,
}

impl Console {
    async fn start(directory: &Path) -> Result<Self> {
        let (gateway, address) = (free()?, free()?);
        let folder = directory.display();
        let text = format!(
            "[organisation]\nslug = \"acme\"\n[server]\ngateway = \"{gateway}\"\nconsole = \"{address}\"\n\
             [storage]\ndata_dir = \"{folder}\"\n[telemetry]\nlog = \"error\"\n\
             [[team]]\nslug = \"research\"\n[[budget]]\nname = \"research\"\nteam = \"research\"\nlimit_usd = \"1000000\"\n"
        );
        let config = directory.join("tollgate.toml");
        std::fs::write(&config, text)?;
        let tollgate = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
            command.arg("--config").arg(&config);
            command
        };
        let login = tollgate().args(["login", "--role", "admin"]).output()?;
        let link = String::from_utf8(login.stdout)?;
        let process = tollgate().arg("serve").stdout(Stdio::null()).spawn()?;
        let http = Client::builder().redirect(Policy::none()).no_proxy().build()?;
        let mut console = Self { process, address, http, cookie: String::new() };
        console.cookie = console.log_in(link.trim()).await?;
        console.settle().await?;
        Ok(console)
    }

    /// Waits until the work of a start (compaction, baselines) is done: it is the pages that count.
    async fn settle(&self) -> Result<()> {
        let began = Instant::now();
        let mut used = self.cpu_ticks()?;
        while began.elapsed() < READY_WITHIN {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = self.cpu_ticks()?;
            if now - used <= IDLE_TICKS {
                return Ok(());
            }
            used = now;
        }
        Err(format!("still at work after {READY_WITHIN:?}").into())
    }

    /// CPU time of the process so far, in the hundredths of a second Linux reports.
    fn cpu_ticks(&self) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
        let (user, system) = (fields.split_whitespace().nth(11), fields.split_whitespace().nth(12));
        Ok(user.unwrap_or("0").parse::<u64>()? + system.unwrap_or("0").parse::<u64>()?)
    }

    async fn log_in(&self, link: &str) -> Result<String> {
        let began = Instant::now();
        loop {
            let asked = self.http.post(link).header(ORIGIN, format!("http://{}", self.address));
            if let Ok(answer) = asked.send().await {
                let cookie = answer.headers().get(SET_COOKIE).ok_or("the link logs nobody in")?;
                let cookie = cookie.to_str()?.split(';').next().unwrap_or_default();
                return Ok(cookie.to_owned());
            }
            if began.elapsed() > READY_WITHIN {
                return Err("the console does not answer".into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn p95(&self, page: &str, opened: usize) -> Result<Duration> {
        let mut times = Vec::with_capacity(opened);
        for _ in 0..=opened {
            let began = Instant::now();
            let asked = self.http.get(format!("http://{}{page}", self.address));
            let answer = asked.header(COOKIE, &self.cookie).send().await?;
            let status = answer.status();
            let _page = answer.bytes().await?;
            if !status.is_success() {
                return Err(format!("{page}: {status}").into());
            }
            times.push(began.elapsed());
        }
        // The first is warmth.
        times.remove(0);
        times.sort();
        Ok(times[times.len() * PERCENTILE / 100])
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let _asked = Command::new("kill").args(["-TERM", &id]).status();
        let _reaped = self.process.wait();
    }
}

fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
