//! `tollgate doctor`: tests what is configured and says what to do about what does not work.
//!
//! It changes nothing: no message reaches a channel, no token is spent at a provider.

mod channels;
mod clock;
mod finding;
mod ledger;
mod local;
mod providers;

use std::path::Path;
use std::time::Duration;

use crate::cli::{DoctorArgs, Output};
use crate::commands::config::load;
use crate::config::Environment;
use crate::failure::CommandError;
use crate::print;

use finding::{Finding, State};

/// Longest wait for anything on the network.
const NETWORK_WAIT: Duration = Duration::from_secs(10);

/// Runs every check and prints what it found.
pub fn run(arguments: &DoctorArgs, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    let environment = Environment::of_process();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?;
    let findings = runtime.block_on(async {
        let mut findings = vec![Finding::fine("configuration", path.display().to_string())];
        findings.extend(local::check(&config));
        findings.extend(local::prices(&config).await);
        findings.extend(ledger::check(&config, &environment).await);
        let client = reqwest::Client::builder()
            .timeout(NETWORK_WAIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| CommandError::Usage(format!("cannot make a client: {error}")))?;
        if arguments.offline {
            findings.push(Finding::skipped("network", "--offline"));
            return Ok::<_, CommandError>(findings);
        }
        let (told, dates) = providers::check(&config, &environment, &client).await;
        findings.extend(told);
        findings.push(clock::check(&dates));
        findings.extend(channels::check(&config, &environment, &client).await);
        findings.extend(channels::console(&config, &environment, &client).await);
        Ok(findings)
    })?;
    show(&findings, arguments.output)?;
    let failed = findings.iter().filter(|finding| finding.state == State::Failed).count();
    match failed {
        0 => Ok(()),
        failed => Err(CommandError::Breached(format!("{failed} checks failed"))),
    }
}

fn show(findings: &[Finding], output: Output) -> Result<(), CommandError> {
    let row = |finding: &Finding| {
        [
            finding.state.to_string(),
            finding.what.clone(),
            finding.said.clone(),
            finding.remedy.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<[String; 4]> = findings.iter().map(row).collect();
    if output != Output::Table {
        return print::rows(["state", "check", "found", "remedy"], &rows, output);
    }
    for [state, what, said, remedy] in rows {
        print::line(&format!("{state:<7} {what}: {said}"))?;
        if !remedy.is_empty() {
            print::line(&format!("        -> {remedy}"))?;
        }
    }
    Ok(())
}
