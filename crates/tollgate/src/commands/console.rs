//! `tollgate console`: the console alone, for gateways elsewhere.

use std::path::Path;
use std::sync::Arc;

use store::Role;
use units::{Clock, SystemClock};

use crate::commands::config::load;
use crate::failure::CommandError;
use crate::service::{Halves, Ledger, Service, Start};
use crate::{print, telemetry};

/// Runs the console.
pub fn run(path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    telemetry::log(&config.telemetry)?;
    let metrics = telemetry::metrics()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if config.link.secret.is_none() {
        tracing::warn!("link.secret is not configured: this console serves no gateway");
    }
    let start = Start { config, file: Some(path.to_owned()), clock, metrics };
    let ledger = Ledger::open(&start.config, &start.clock)?;
    let service = Service::start(start, ledger, Halves::Console)?;
    let login = service.login_url(Role::Admin)?;
    let url = service.config.console_url();
    print::text(&format!("console  {url}\nlog in   {}\n", login.expose()))?;
    service.serve()
}
