//! The Pingora shell: listeners, HTTP/1 and HTTP/2, keep-alive and shutdown are its; a request goes
//! whole to the engine.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::apps::HttpServerOptions;
use pingora_core::server::configuration::{Opt, ServerConf};
use pingora_core::server::{RunArgs, Server};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType, Result};
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

use crate::drain::{Serving, StopSignals};
use crate::engine::Engine;
use crate::ledger::Ledger;

/// How the gateway listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Address of the data plane.
    pub address: SocketAddr,
    /// Worker threads.
    pub threads: usize,
    /// Whether idle workers take over tasks of busy ones.
    pub work_stealing: bool,
    /// Longest wait for requests under way at a stop.
    pub grace: Duration,
}

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another process using it? (server.gateway)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Serves until a stop signal, then until nothing is under way. Blocks the calling thread; must be
/// called outside any async runtime.
pub fn serve(engine: Arc<Engine>, listen: &Listen) -> std::result::Result<(), ServeError> {
    // Pingora panics on an address in use: it is tried first, for an error one can read.
    TcpListener::bind(listen.address)
        .map_err(|source| ServeError::Listen { address: listen.address, source })?;
    // The tables behind estimates take a while to build: not in a request, and not in the stop.
    dialects::estimate_text_tokens("warm");
    let configuration = ServerConf {
        threads: listen.threads,
        work_stealing: listen.work_stealing,
        grace_period_seconds: Some(0),
        // An upper bound: what is cut is dropped, and so recorded, in well under a second.
        graceful_shutdown_timeout_seconds: Some(10),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None::<Opt>, configuration);
    server.bootstrap();
    let drain = Arc::clone(&engine.drain);
    let mut service = http_proxy_service(&server.configuration, Shell { engine });
    if let Some(logic) = service.app_logic_mut() {
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        logic.server_options = Some(options);
    }
    service.add_tcp(&listen.address.to_string());
    server.add_service(service);
    let stop = StopSignals::new(drain, listen.grace);
    // Not `run_forever`: that ends the process and with it the flush of the spool.
    server.run(RunArgs { shutdown_signal: Box::new(stop) });
    Ok(())
}

struct Shell {
    engine: Arc<Engine>,
}

/// What Pingora keeps for us while a request lasts.
#[derive(Default)]
struct Context {
    ledger: Option<Ledger>,
    _serving: Option<Serving>,
}

#[async_trait]
impl ProxyHttp for Shell {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::default()
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        context._serving = Some(self.engine.drain.enter());
        let ledger = context.ledger.insert(Ledger::new(Arc::clone(&self.engine.accounting)));
        Box::pin(self.engine.handle(&mut session.downstream_session, ledger)).await;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Context) -> Result<Box<HttpPeer>> {
        // The engine answers every request itself, so Pingora never has one to proxy.
        Err(Error::new(ErrorType::InternalError))
    }

    async fn logging(&self, _: &mut Session, _: Option<&Error>, context: &mut Context) {
        context.ledger.take();
    }
}
