//! The console's server: its address, its router, and a stop that lets answers finish.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use axum::serve::Listener;
use console::{ConsoleSettings, ConsoleState, Link, PublicUrl};
use lake::Lake;
use metrics_exporter_prometheus::PrometheusHandle;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use units::Clock;

use super::alerting::Shown;
use super::board::Board;
use super::price_board::PriceBoard;
use super::publisher::Declarations;
use super::tls::TlsListener;
use crate::config::{Config, Server};
use crate::failure::CommandError;

/// What the pages show, and where it comes from.
pub(super) struct Sources {
    pub(super) lake: Lake,
    pub(super) store: Store,
    pub(super) board: Board,
    pub(super) prices: PriceBoard,
    pub(super) declared: Declarations,
    pub(super) link: Option<Link>,
}

/// Where the console listens, with TLS or without.
pub(super) enum Listening {
    Plain(TcpListener),
    Tls(Box<TlsListener>),
}

/// Listens, or says why not.
pub(super) async fn listen(server: &Server) -> Result<Listening, CommandError> {
    let address = server.console;
    let what = format!("cannot listen on {address} (server.console); is another process using it?");
    let tcp = TcpListener::bind(address).await.map_err(CommandError::system(what))?;
    match (&server.console_cert_file, &server.console_key_file) {
        (Some(chain), Some(key)) => {
            Ok(Listening::Tls(Box::new(TlsListener::new(tcp, chain, key)?)))
        }
        _ => Ok(Listening::Plain(tcp)),
    }
}

/// Where browsers reach the console.
pub fn public_url(config: &Config) -> Result<PublicUrl, CommandError> {
    let url = config.console_url();
    url.parse().map_err(|error| CommandError::Usage(format!("server.console_url: {error}")))
}

/// The console's pages over the real ledger.
pub(super) fn router(
    config: &Config,
    sources: Sources,
    clock: Arc<dyn Clock>,
) -> Result<Router, CommandError> {
    let Sources { lake, store, board, prices, declared, link } = sources;
    let settings = ConsoleSettings {
        public_url: public_url(config)?,
        organisation: config.organisation.display_name().to_owned(),
        zone: config.organisation.time_zone.billing().clone(),
    };
    let ledger = console::adapters::LakeLedger::new(
        lake.clone(),
        config.organisation.slug.clone(),
        settings.zone.clone(),
        Arc::clone(&clock),
    );
    let access = console::adapters::StoreAccess::new(store.clone());
    let prices: Arc<dyn console::adapters::Prices> = Arc::new(prices);
    let kept = store.prices();
    let requests = console::adapters::LakeRequests::new(lake.clone(), Arc::clone(&prices));
    let mut sources = console::Sources::new(Arc::new(ledger), Arc::new(access))
        .with_budgets(Arc::new(board))
        .with_explorer(Arc::new(console::adapters::LakeExplorer::new(lake.clone())))
        .with_requests(Arc::new(requests))
        .with_prices(Arc::new(console::adapters::LakePrices::new(lake, kept, prices)))
        .with_alerts(Arc::new(console::adapters::StoreAlerts::new(
            store.clone(),
            Arc::new(Shown::of(config)),
            Arc::clone(&clock),
        )))
        .with_store(store, declared);
    if let Some(link) = link {
        sources = sources.with_link(link);
    }
    Ok(console::router(ConsoleState::new(sources, settings, clock)))
}

/// The same pages with `/metrics` beside them.
pub(super) fn with_metrics(router: Router, metrics: PrometheusHandle) -> Router {
    let render = move || async move {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
    };
    Router::new().route("/metrics", get(render)).fallback_service(router)
}

/// Serves until told to stop.
pub(super) async fn serve(listening: Listening, router: Router, stopping: watch::Receiver<bool>) {
    match listening {
        Listening::Plain(tcp) => serve_on(tcp, router, stopping).await,
        Listening::Tls(tls) => serve_on(*tls, router, stopping).await,
    }
}

async fn serve_on<L>(listener: L, router: Router, mut stopping: watch::Receiver<bool>)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let stop = async move {
        // An error means that the service is gone, which is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "console ended");
    }
}
