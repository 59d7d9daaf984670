//! The tour of digits: a live request shows within five seconds, and the console's page, its CSV,
//! SQL, and the exported Parquet read by another program agree to the last digit.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lake::Rendering;
use serde_json::Value;
use store::Role;
use units::{BillingPeriod, BillingZone, Secret, Usd};

use super::client::{Application, Ending, Page};
use super::stage::{Stage, base_url};
use crate::cli::DemoArgs;
use crate::failure::CommandError;
use crate::print;

/// Longest time until a request shows.
const SHOWS_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for the gateway to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// The team that is looked at.
const TEAM: &str = "search";
/// Reads the export with DuckDB and prints rows and exact sum.
const READ_EXPORT: &str = "import duckdb, sys; print(*duckdb.sql(\"SELECT count(*), CAST(sum(cost_usd) AS \
VARCHAR) FROM read_parquet('\" + sys.argv[1] + \"/**/*.parquet') WHERE team = '\" + sys.argv[2] + \"'\").fetchall()[0])";

/// Runs the tour.
pub(super) fn run(arguments: &DemoArgs) -> Result<(), CommandError> {
    let stage = Stage::set(arguments)?;
    let Stage { directory, service, keys, providers, outside, .. } = stage;
    let tour = Tour {
        base_url: base_url(&service.config),
        console: service.config.console_url(),
        login: service.login_url(Role::Finance)?,
        lake: service.lake.clone(),
        period: BillingPeriod::containing(service.clock().now(), &BillingZone::UTC),
        directory: directory.path.clone(),
    };
    let drain = service.engine().map(|engine| Arc::clone(&engine.drain));
    let key = keys.get(TEAM).cloned().unwrap_or_else(|| Secret::new(""));
    let serving: JoinHandle<Result<(), CommandError>> = std::thread::spawn(|| service.serve());
    let result = outside.block_on(tour.walk(key));
    if let Some(drain) = drain {
        drain.stop();
    }
    let served = serving.join().unwrap_or_else(|_| Err(breach("the service panicked")));
    drop(providers);
    outside.shutdown_background();
    result.and(served)
}

struct Tour {
    base_url: String,
    console: String,
    login: Secret,
    lake: lake::Lake,
    period: BillingPeriod,
    directory: std::path::PathBuf,
}

impl Tour {
    async fn walk(&self, key: Secret) -> Result<(), CommandError> {
        let application = Application::new(&self.base_url, key)?;
        let started = Instant::now();
        let (request_id, cost) = loop {
            match application.ask("gpt-5.4", "digits-tour", false).await {
                Ending::Answered { request_id, cost } => break (request_id, cost),
                Ending::Broken if started.elapsed() < STARTS_WITHIN => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                other => return Err(breach(format!("the live request ended as {other:?}"))),
            }
        };
        self.shows(&request_id, cost).await?;
        let from_sql = self.sum_by_sql().await?;
        let page = Page::log_in(&self.console, &self.login).await?;
        let path = format!("/statements/team/{TEAM}/{}", self.period);
        let html = page.get(&path).await?;
        let csv = page.get(&format!("{path}.csv")).await?;
        let from_csv = csv_total(&csv)?;
        check("statement CSV", from_csv, from_sql)?;
        if !html.contains(&format!("<data value=\"{from_sql}\">")) {
            return Err(breach(format!("the statement page does not show {from_sql}")));
        }
        print::line(&format!("digits: statement page {from_sql}"))?;
        check("Parquet read by DuckDB", self.sum_by_duckdb().await?, from_sql)?;
        print::line("digits: request, page, CSV, SQL and Parquet agree to the last digit")
    }

    async fn shows(&self, request_id: &str, cost: Usd) -> Result<(), CommandError> {
        let asked = Instant::now();
        let sql = format!("SELECT cost_usd FROM usage WHERE request_id = '{request_id}'");
        loop {
            let rows = self.json(&sql).await?;
            if let Some(row) = rows.first() {
                let shown = exact(&row["cost_usd"])?;
                check("live request", shown, cost)?;
                let millis = asked.elapsed().as_millis();
                return print::line(&format!("digits: the live request shows after {millis} ms"));
            }
            if asked.elapsed() > SHOWS_WITHIN {
                return Err(breach(format!("{request_id} does not show within {SHOWS_WITHIN:?}")));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn sum_by_sql(&self) -> Result<Usd, CommandError> {
        let (from, to) = self.period.range(&BillingZone::UTC);
        let sql = format!(
            "SELECT sum(cost_usd) AS cost FROM usage WHERE team = '{TEAM}' \
             AND received_at >= '{from}' AND received_at < '{to}'"
        );
        let rows = self.json(&sql).await?;
        exact(rows.first().map_or(&Value::Null, |row| &row["cost"]))
    }

    async fn json(&self, sql: &str) -> Result<Vec<Value>, CommandError> {
        let text = self.lake.sql(sql).await?.render(Rendering::Json)?;
        serde_json::from_str(&text).map_err(|error| breach(format!("query output: {error}")))
    }

    async fn sum_by_duckdb(&self) -> Result<Usd, CommandError> {
        let export = self.directory.join("export");
        let first = self.period.first_day();
        self.lake.export_parquet(first, first.last_of_month(), &export).await?;
        let output = duckdb(&export)?;
        let cost = output.split_whitespace().nth(1).unwrap_or_default();
        cost.parse().map_err(|error| breach(format!("DuckDB printed `{output}`: {error}")))
    }
}

fn duckdb(export: &Path) -> Result<String, CommandError> {
    let output = Command::new("python3").args(["-c", READ_EXPORT]).arg(export).arg(TEAM).output();
    let output = output.map_err(CommandError::system("cannot start python3"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(breach(format!(
            "python3 cannot read the export with DuckDB (`pip install duckdb`): {why}"
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The exact total of a statement's CSV: the amount in its last row.
fn csv_total(csv: &str) -> Result<Usd, CommandError> {
    let header = csv.lines().next().unwrap_or_default();
    let column = header.split(',').position(|name| name.trim_matches('"').starts_with("cost_usd"));
    let last = csv.lines().last().unwrap_or_default();
    let cell =
        column.and_then(|column| last.split(',').nth(column)).map(|cell| cell.trim_matches('"'));
    let cell = cell.ok_or_else(|| breach(format!("the CSV has no cost column: {header}")))?;
    cell.parse().map_err(|error| breach(format!("CSV total: {error}")))
}

fn exact(value: &Value) -> Result<Usd, CommandError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(|error| breach(format!("amount: {error}")))
}

fn check(what: &str, seen: Usd, expected: Usd) -> Result<(), CommandError> {
    if seen != expected {
        return Err(breach(format!("{what} says {seen}, expected {expected}")));
    }
    print::line(&format!("digits: {what} {seen}"))
}

pub(super) fn breach(message: impl Into<String>) -> CommandError {
    CommandError::Breached(message.into())
}
