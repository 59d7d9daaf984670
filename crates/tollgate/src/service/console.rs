//! The console's server: its address, its router, and a stop that lets answers finish.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use console::{ConsoleSettings, ConsoleState, PublicUrl};
use lake::Lake;
use metrics_exporter_prometheus::PrometheusHandle;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use units::Clock;

use super::board::Board;
use crate::config::Config;
use crate::failure::CommandError;

/// Listens, or says why not.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, CommandError> {
    let what = format!("cannot listen on {address} (server.console); is another process using it?");
    TcpListener::bind(address).await.map_err(CommandError::system(what))
}

/// Where browsers reach the console.
pub fn public_url(config: &Config) -> Result<PublicUrl, CommandError> {
    let url = config.console_url();
    url.parse().map_err(|error| CommandError::Usage(format!("server.console_url: {error}")))
}

/// The console's pages over the real ledger.
pub(super) fn router(
    config: &Config,
    lake: &Lake,
    store: &Store,
    board: Board,
    clock: Arc<dyn Clock>,
) -> Result<Router, CommandError> {
    let settings = ConsoleSettings {
        public_url: public_url(config)?,
        organisation: config.organisation.display_name().to_owned(),
        zone: config.organisation.time_zone.billing().clone(),
    };
    let organisation = config.organisation.slug.clone();
    let ledger = console::adapters::LakeLedger::new(
        lake.clone(),
        organisation,
        settings.zone.clone(),
        Arc::clone(&clock),
    );
    let access = console::adapters::StoreAccess::new(store.clone());
    let state =
        ConsoleState::new(Arc::new(ledger), Arc::new(access), Arc::new(board), clock, settings);
    Ok(console::router(state))
}

/// The same pages with `/metrics` beside them.
pub(super) fn with_metrics(router: Router, metrics: PrometheusHandle) -> Router {
    let render = move || async move {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
    };
    Router::new().route("/metrics", get(render)).fallback_service(router)
}

/// Serves until told to stop.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let stop = async move {
        // An error means that the service is gone, which is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "console ended");
    }
}
