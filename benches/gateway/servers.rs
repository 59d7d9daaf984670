//! The servers of a bench: a simulated provider, nginx before it, and the gateway before it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use simulator::{Simulator, SimulatorOptions};

use super::Result;
use super::process::Process;

/// Longest wait for a server to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A budget that every request counts against and none exhausts.
const BUDGET: &str = "[[budget]]\nname = \"bench\"\nteam = \"bench\"\nlimit_usd = \"1000000\"\n\
     on_unpriced = \"allow\"\n";

/// A server under load.
pub(super) struct Target {
    /// Where requests are sent.
    pub(super) address: SocketAddr,
    /// The key they carry.
    pub(super) key: String,
    /// The process whose use is counted.
    pub(super) process: Rc<Process>,
}

/// All of them.
pub(super) struct Servers {
    /// The provider itself.
    pub(super) direct: Target,
    /// nginx, a plain proxy.
    pub(super) nginx: Target,
    /// Pingora with nothing of ours, a plain proxy.
    pub(super) pingora: Target,
    /// Tollgate, with everything on.
    pub(super) gateway: Target,
    /// The same without a budget, so that no lease is held of the authority.
    pub(super) unbudgeted: Target,
    _directory: tempfile::TempDir,
}

impl Servers {
    pub(super) fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let provider = free()?;
        let simulated = Process::spawn(
            Command::new(std::env::current_exe()?)
                .arg("--simulate")
                .env("TOLLGATE_BENCH_PROVIDER", provider.to_string()),
        )?;
        let direct =
            Target { address: provider, key: "sk-bench".into(), process: Rc::new(simulated) };
        wait(provider)?;
        let nginx = start_nginx(directory.path(), provider)?;
        let pingora = start_pingora(provider)?;
        let gateway = start_gateway(&directory.path().join("gateway"), provider, BUDGET)?;
        let unbudgeted = start_gateway(&directory.path().join("unbudgeted"), provider, "")?;
        Ok(Self { direct, nginx, pingora, gateway, unbudgeted, _directory: directory })
    }
}

/// Runs the provider until killed: the bench starts itself again for it.
pub(super) fn simulate() -> Result<()> {
    let bind = std::env::var("TOLLGATE_BENCH_PROVIDER")?.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let options =
            SimulatorOptions { bind, keeps_requests: false, ..SimulatorOptions::default() };
        let _simulator = Simulator::start(options).await?;
        std::future::pending::<Result<()>>().await
    })
}

fn start_nginx(directory: &Path, provider: SocketAddr) -> Result<Target> {
    let address = free()?;
    let folder = directory.display();
    let text = format!(
        "daemon off;\nworker_processes 2;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {folder}/body;\n\
         proxy_temp_path {folder}/proxy;\n  fastcgi_temp_path {folder}/f;\n\
         uwsgi_temp_path {folder}/u;\n  scgi_temp_path {folder}/s;\n\
         keepalive_requests 1000000;\n\
         upstream provider {{ server {provider}; keepalive 256; keepalive_requests 1000000; }}\n\
         server {{\n    listen {address};\n    location / {{\n      proxy_pass http://provider;\n\
         proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n    }}\n  }}\n}}\n"
    );
    let config = directory.join("nginx.conf");
    std::fs::write(&config, text)?;
    let process = Process::spawn(Command::new("nginx").arg("-c").arg(&config))?;
    wait(address)?;
    Ok(Target { address, key: "sk-bench".into(), process: Rc::new(process) })
}

fn start_pingora(provider: SocketAddr) -> Result<Target> {
    let address = free()?;
    let process = Process::spawn(
        Command::new(std::env::current_exe()?)
            .arg("--forward")
            .env("TOLLGATE_BENCH_PROVIDER", provider.to_string())
            .env("TOLLGATE_BENCH_LISTEN", address.to_string()),
    )?;
    wait(address)?;
    Ok(Target { address, key: "sk-bench".into(), process: Rc::new(process) })
}

/// `budgets`: what the configuration says of them.
fn start_gateway(directory: &Path, provider: SocketAddr, budgets: &str) -> Result<Target> {
    std::fs::create_dir_all(directory)?;
    let (address, console) = (free()?, free()?);
    std::fs::write(directory.join("key"), "sk-bench")?;
    let folder = directory.display();
    let text = format!(
        "[organisation]\nslug = \"bench\"\n[server]\ngateway = \"{address}\"\nconsole = \"{console}\"\n\
         threads = 2\nwork_stealing = false\n[storage]\ndata_dir = \"{folder}/data\"\n[telemetry]\nlog = \"error\"\n\
         [[provider]]\nname = \"openai\"\nbase_url = \"http://{provider}/v1\"\n\
         api_key = \"file:{folder}/key\"\n[[route]]\nname = \"gpt-5.4-mini\"\n\
         targets = [{{ provider = \"openai\", model = \"gpt-5.4-mini\" }}]\n\
         [[route]]\nname = \"cached\"\ncache_ttl_s = 3600\n\
         targets = [{{ provider = \"openai\", model = \"gpt-5.4-mini\" }}]\n\
         [[team]]\nslug = \"bench\"\n{budgets}"
    );
    let config = directory.join("tollgate.toml");
    std::fs::write(&config, text)?;
    let tollgate = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.arg("--config").arg(&config);
        command
    };
    let output = tollgate().args(["key", "create", "--team", "bench"]).output()?;
    let key = String::from_utf8(output.stdout)?.trim().to_owned();
    let process = Process::spawn(tollgate().arg("serve"))?;
    wait(address)?;
    Ok(Target { address, key, process: Rc::new(process) })
}

fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn wait(address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        if start.elapsed() > STARTS_WITHIN {
            return Err(format!("nothing listens on {address} after {STARTS_WITHIN:?}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
