//! `tollgate serve`: both halves until told to stop.

use std::path::Path;
use std::sync::Arc;

use store::Role;
use units::{Clock, SystemClock};

use crate::failure::CommandError;
use crate::service::{Halves, Ledger, Service, Start};
use crate::{commands, print, telemetry};

/// Runs the product.
pub fn run(path: &Path) -> Result<(), CommandError> {
    let config = commands::config::load(path)?;
    telemetry::log(&config.telemetry)?;
    let metrics = telemetry::metrics()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let start = Start { config, file: Some(path.to_owned()), clock, metrics };
    let ledger = Ledger::open(&start.config, &start.clock)?;
    let service = Service::start(start, ledger, Halves::Both)?;
    let login = service.login_url(Role::Admin)?;
    print::text(&format!(
        "gateway  http://{}/v1\nconsole  {}\nlog in   {}\n",
        service.config.server.gateway,
        service.config.console_url(),
        login.expose(),
    ))?;
    service.serve()
}
