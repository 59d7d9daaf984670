//! The command line: what can be asked of the binary, and how it answers.
//!
//! Definitions only. Must never do what a command says.

mod price;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use units::{KeyId, RequestId, Slug, UnixMicros};

pub use price::{
    ImportFormat, LaidAs, PriceCommand, PriceCostArgs, PriceDiffArgs, PriceImportArgs,
    PriceListArgs, PriceRerateArgs, PriceSetArgs, PriceShowArgs, PriceUnpricedArgs,
    PriceVersionsArgs, PriceWhatIfArgs, PriceWithdrawArgs, TakenAs,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; the reason is on standard error
  2  wrong usage, or a configuration that cannot be used
  3  a threshold was breached, or a check of a tour failed";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done: 0.
    Done,
    /// Failed: 1.
    Failed,
    /// Wrong usage, or a configuration that cannot be used: 2.
    Usage,
    /// A threshold was breached, or a check of a tour failed: 3.
    Breached,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Breached => 3,
        })
    }
}

/// An LLM gateway and the ledger behind it.
///
/// Routes, meters, prices and caps the traffic of LLM SDKs, and shows what it cost and who pays.
/// Start with `tollgate demo`: it needs no key and no network.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = "tollgate.toml")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked of the binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run gateway and console until told to stop.
    ///
    /// SIGINT or SIGTERM lets requests under way end (`server.shutdown_grace_ms`), then commits
    /// what was recorded. SIGHUP reads the configuration anew.
    Serve,
    /// Run the gateway alone.
    ///
    /// With `link.console_url` keys, routes, budgets and prices come from a console elsewhere, and
    /// the last of them are kept on disk; without it they come from this configuration.
    Gateway,
    /// Run the console alone, for gateways elsewhere that share `link.secret` and the lake.
    Console,
    /// Test what is configured, and say what to do about what does not work; exit 3 if anything
    /// does not.
    Doctor(DoctorArgs),
    /// Show the whole product with simulated providers and 90 days of history.
    ///
    /// Prints the console's URL with a login link and three commands to copy. Everything is removed
    /// at the end unless --keep is given.
    Demo(DemoArgs),
    /// Write a commented configuration to start from.
    Init(InitArgs),
    /// Explain the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make, list and revoke virtual keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Show what budgets have spent and who holds leases on them.
    #[command(subcommand)]
    Budget(BudgetCommand),
    /// Cost what was used, and see, change and compare what things cost.
    #[command(subcommand)]
    Price(PriceCommand),
    /// Look at single requests.
    #[command(subcommand)]
    Request(RequestCommand),
    /// Make a link that logs one person in to the console, once.
    Login(LoginArgs),
    /// Ask the lake with SQL.
    ///
    /// The table is `usage`; its columns are described in `schemas/usage-table.json`.
    Query(QueryArgs),
    /// Write what was recorded to files.
    #[command(subcommand)]
    Export(ExportCommand),
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Seed of the history and of the traffic: the same seed gives the same figures.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Keep the data when the demonstration ends, and say where it is.
    #[arg(long)]
    pub keep: bool,
    /// Instant the demonstration starts at, RFC 3339 [default: the present].
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub now: Option<UnixMicros>,
    /// Directory for the data [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Instead of running on, check one promise in at most two minutes; exit 3 if it is not held.
    #[arg(long, value_name = "TOUR")]
    pub tour: Option<Tour>,
    /// Address and port of the gateway; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4000")]
    pub gateway: SocketAddr,
    /// Address and port of the console; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4001")]
    pub console: SocketAddr,
}

/// A self-checking run of the demonstration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tour {
    /// A live request shows within 5 s, and page, SQL and exported Parquet agree to the last digit.
    Digits,
    /// 60 s of kill -9 under 64 clients at a small cap: nothing lost, nothing twice, nothing over.
    Chaos,
    /// From a runaway agent to its Slack message, to why its cost rose, to sample requests.
    Spike,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// File to write [default: the file --config names].
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// Overwrite the file if there is one.
    #[arg(long)]
    pub force: bool,
}

/// What can be asked of the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say what is wrong with it, with file, line and remedy; exit 2 if anything is.
    Check,
    /// Print its JSON Schema.
    Schema {
        /// Write every published schema into this directory instead.
        #[arg(long, value_name = "DIR")]
        all: Option<PathBuf>,
    },
    /// Print it as it is in force, defaults and environment included, without secrets.
    Show,
}

/// What can be done with virtual keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it, once: only its hash is kept.
    Create(KeyCreateArgs),
    /// List the keys, never their secrets.
    List {
        /// How to print them.
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Replace a key's secret by a new one, printed once; the old one works on for a while.
    Rotate {
        /// Id of the key, as `key list` shows it.
        id: KeyId,
        /// How long the old secret works on, seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        grace_s: u32,
    },
    /// Stop a key from working.
    Revoke {
        /// Id of the key, as `key list` shows it.
        id: KeyId,
    },
}

/// Arguments of `key create`.
#[derive(Debug, Args)]
pub struct KeyCreateArgs {
    /// Team that pays for it.
    #[arg(long, value_name = "SLUG")]
    pub team: Slug,
    /// Project it is for.
    #[arg(long, value_name = "SLUG")]
    pub project: Option<Slug>,
    /// Name to know it by [default: the team's].
    #[arg(long)]
    pub name: Option<String>,
    /// User it is issued to; clients cannot say another.
    #[arg(long)]
    pub user: Option<String>,
    /// Feature it serves; clients cannot say another.
    #[arg(long)]
    pub feature: Option<String>,
    /// Route it may use; may be repeated [default: all].
    #[arg(long = "route", value_name = "NAME")]
    pub routes: Vec<String>,
    /// Instant it stops working at, RFC 3339 [default: never].
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub expires: Option<UnixMicros>,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// How to print the findings.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
    /// Send nothing to providers and channels.
    #[arg(long)]
    pub offline: bool,
}

/// What can be asked of budgets.
#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    /// List the budgets and how they stand.
    List {
        /// How to print them.
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// List the leases gateways hold.
    Leases {
        /// How to print them.
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Compare what budgets believe with the lake, and correct them.
    Reconcile,
    /// Give back the leases of a gateway that will not come back.
    Forget {
        /// Name of the gateway (`storage.node_id`).
        node: String,
    },
}

/// What can be asked of requests.
#[derive(Debug, Subcommand)]
pub enum RequestCommand {
    /// Show one request: every attempt, what it used and what each part cost.
    Show {
        /// Id of the request, as `x-tollgate-request-id` tells it.
        id: RequestId,
        /// How to print it.
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
}

/// Arguments of `login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Role of the person, recorded with the session and in the audit log.
    #[arg(long, value_enum, default_value = "viewer")]
    pub role: LoginRole,
    /// Team the person sees; nothing else is shown [default: all].
    #[arg(long, value_name = "SLUG")]
    pub team: Option<Slug>,
}

/// The role of someone who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoginRole {
    /// Administrator.
    Admin,
    /// Finance.
    Finance,
    /// Engineer.
    Engineer,
    /// Analyst.
    Analyst,
    /// Viewer.
    Viewer,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The statement, such as "SELECT team, sum(cost_usd) FROM usage GROUP BY team".
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// How to print the rows.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// What can be written to files.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Write the usage table as Parquet files with a manifest.
    Parquet(ExportArgs),
}

/// Arguments of `export parquet`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// First day (UTC), YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub from: Date,
    /// Last day (UTC), included, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub to: Date,
    /// Directory to write into; made if need be.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned columns, for people.
    #[default]
    Table,
    /// A JSON array of objects; money as text.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// Reads an instant as RFC 3339.
fn instant(text: &str) -> Result<UnixMicros, String> {
    text.parse::<Timestamp>()
        .map(UnixMicros::from)
        .map_err(|_| "write date, time and zone, such as 2026-11-22T09:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    fn parse(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_is_named_before_or_after_the_command() {
        for line in ["tollgate --config a.toml serve", "tollgate serve --config a.toml"] {
            assert_eq!(parse(line).unwrap().config, PathBuf::from("a.toml"), "{line}");
        }
        assert_eq!(parse("tollgate serve").unwrap().config, PathBuf::from("tollgate.toml"));
    }

    #[test]
    fn values_are_read_once_into_types_that_cannot_be_wrong() {
        let Command::Demo(demo) = parse("tollgate demo --now 2026-11-22T09:00:00Z --tour chaos")
            .map(|cli| cli.command)
            .unwrap()
        else {
            panic!("not a demo")
        };
        assert_eq!(demo.now, Some(UnixMicros::new(1_795_338_000_000_000)));
        assert_eq!(demo.tour, Some(Tour::Chaos));
        for bad in [
            "tollgate demo --now yesterday",
            "tollgate demo --gateway localhost",
            "tollgate key create --team Search",
            "tollgate key revoke 7",
            "tollgate export parquet --from 2026-11-31 --to 2026-12-01 out",
        ] {
            assert_eq!(parse(bad).unwrap_err(), ErrorKind::ValueValidation, "{bad}");
        }
    }

    #[test]
    fn every_command_says_what_it_does() {
        let mut left = vec![Cli::command()];
        while let Some(command) = left.pop() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let named = (command.get_name(), argument.get_id());
                assert!(argument.get_help().is_some(), "{named:?}");
            }
            left.extend(command.get_subcommands().cloned());
        }
    }
}
