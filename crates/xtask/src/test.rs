//! `cargo xtask test`: the one command behind the README and continuous integration.

use std::time::Instant;

use anyhow::Result;

use crate::run::{self as commands, cache, cargo};
use crate::{demo, lint, setup, tidy};

/// Runs everything, or only the tests that match.
pub(crate) fn run(long: bool, filter: Option<&str>) -> Result<()> {
    let step = |name: &str, work: &dyn Fn() -> Result<()>| {
        let start = Instant::now();
        work()?;
        eprintln!("xtask: {name} took {} s", start.elapsed().as_secs());
        Ok::<(), anyhow::Error>(())
    };
    step("set-up", &|| {
        setup::build()?;
        setup::clients()
    })?;
    if filter.is_none() {
        step("lint", &lint::run)?;
        step("tidy", &tidy::run)?;
    }
    step("build", &demo::build)?;
    step("tests", &|| tests(long, filter))?;
    if filter.is_none() {
        step("tour of digits", &|| demo::run_binary(&["demo", "--tour", "digits"]))?;
        step("tour of spike", &|| demo::run_binary(&["demo", "--tour", "spike"]))?;
        step("tour of chaos", &|| demo::run_binary(&["demo", "--tour", "chaos"]))?;
    }
    Ok(())
}

fn tests(long: bool, filter: Option<&str>) -> Result<()> {
    let mut arguments = vec!["test", "--workspace", "--locked"];
    arguments.extend(filter);
    let mut command = cargo(&arguments)?;
    command.env("TOLLGATE_CLIENTS", cache()?);
    if long {
        command.env("TOLLGATE_LONG", "1");
    }
    commands::run(command)
}
