//! The rules no compiler checks.

mod edges;
mod providers;
mod sources;

use anyhow::{Result, bail};

/// Checks every rule and tells every breach.
pub(crate) fn run() -> Result<()> {
    let mut breaches = edges::check()?;
    breaches.extend(sources::check()?);
    breaches.extend(providers::check()?);
    for breach in &breaches {
        eprintln!("tidy: {breach}");
    }
    if breaches.is_empty() {
        Ok(())
    } else {
        bail!("{} breaches of the house rules", breaches.len())
    }
}
