//! `cargo xtask bench`: release builds, measured as ratios in one run.

use anyhow::Result;

use crate::run::{cargo, run as command};
use crate::setup;

/// Runs the benches.
pub(crate) fn run(filter: Option<&str>) -> Result<()> {
    setup::build()?;
    setup::packages(&[("nginx", "nginx-light"), ("wrk", "wrk")])?;
    let mut arguments = vec!["bench", "--workspace", "--locked", "--benches", "--"];
    arguments.extend(filter);
    command(cargo(&arguments)?)
}
