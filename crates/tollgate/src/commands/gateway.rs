//! `tollgate gateway`: the gateway alone, with a console elsewhere or none.

use std::path::Path;
use std::sync::Arc;

use units::{Clock, SystemClock};

use crate::commands::config::load;
use crate::failure::CommandError;
use crate::service::{Halves, Ledger, Service, Start, serve_linked};
use crate::{print, telemetry};

/// Runs the gateway.
pub fn run(path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    telemetry::log(&config.telemetry)?;
    let metrics = telemetry::metrics()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    print::line(&format!("gateway  http://{}/v1", config.server.gateway))?;
    let is_linked = config.link.console_url.is_some();
    let start = Start { config, file: Some(path.to_owned()), clock, metrics };
    if is_linked {
        return serve_linked(start);
    }
    let ledger = Ledger::open(&start.config, &start.clock)?;
    Service::start(start, ledger, Halves::Gateway)?.serve()
}
