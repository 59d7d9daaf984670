//! Logs and metrics of the process.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};
use crate::failure::CommandError;

/// Starts logging to standard error. A second start in one process changes nothing.
pub fn log(telemetry: &Telemetry) -> Result<(), CommandError> {
    // The Delta library tells whole schemas at `info`; the configuration can still ask for them.
    let directives = format!("buoyant_kernel=warn,delta_kernel=warn,{}", telemetry.log);
    let filter = EnvFilter::try_new(directives).map_err(|error| {
        CommandError::Usage(format!("telemetry.log: `{}`: {error}", telemetry.log))
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // An error means that a subscriber is there already.
    let _ = match telemetry.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}

/// Starts collecting metrics; the handle renders them for `/metrics`.
pub fn metrics() -> Result<PrometheusHandle, CommandError> {
    const OVERHEAD_SECONDS: [f64; 9] = [5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1.0];
    let overhead =
        metrics_exporter_prometheus::Matcher::Full("tollgate_overhead_seconds".to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(overhead, &OVERHEAD_SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| CommandError::Usage(format!("metrics: {error}")))
}
