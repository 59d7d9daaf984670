//! The Pingora shell: listeners, HTTP/1 and HTTP/2, keep-alive and shutdown are its; a request goes
//! whole to the engine.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::apps::HttpServerOptions;
use pingora_core::listeners::{L4BufferSettings, ListenerConfig, TcpSocketOptions};
use pingora_core::server::configuration::{Opt, ServerConf};
use pingora_core::server::{RunArgs, Server};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType, Result};
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

use crate::connections::pin_thread;
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
    /// Whether idle workers take over tasks of busy ones; else each worker has its own listener, reactor
    /// and connections to providers, and the system spreads clients over them.
    pub work_stealing: bool,
    /// Longest wait for requests under way at a stop.
    pub grace: Duration,
}

/// What is read ahead of a client's connection, bytes: a head with a small body. Larger bodies are read
/// past it.
const READ_AHEAD_BYTES: usize = 8 << 10;

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
    let services = if listen.work_stealing { 1 } else { listen.threads };
    for index in 0..services {
        let shell = Shell { engine: Arc::clone(&engine), is_pinned: !listen.work_stealing };
        let mut service = http_proxy_service(&server.configuration, shell);
        service.threads = (!listen.work_stealing).then_some(1);
        if let Some(logic) = service.app_logic_mut() {
            let mut options = HttpServerOptions::default();
            options.h2c = true;
            logic.server_options = Some(options);
        }
        service.add_listener(listener(listen.address, index, services > 1));
        server.add_service(service);
    }
    let stop = StopSignals::new(drain, listen.grace);
    // Not `run_forever`: that ends the process and with it the flush of the spool.
    server.run(RunArgs { shutdown_signal: Box::new(stop) });
    Ok(())
}

/// One of the listeners on an address. Pingora knows listeners by the text of their address and would give
/// the socket of the first to all of them: leading zeros tell them apart.
fn listener(address: SocketAddr, index: usize, is_shared: bool) -> ListenerConfig {
    let text = address.to_string();
    let text = match text.rsplit_once(':') {
        Some((host, port)) => format!("{host}:{}{port}", "0".repeat(index)),
        None => text,
    };
    let mut options = TcpSocketOptions::default();
    options.so_reuseport = Some(is_shared);
    ListenerConfig::tcp(text)
        .tcp_socket_options(options)
        .l4_buffer(L4BufferSettings::default().read(READ_AHEAD_BYTES))
}

struct Shell {
    engine: Arc<Engine>,
    /// Its requests never leave the thread they arrive on.
    is_pinned: bool,
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
        if self.is_pinned {
            pin_thread();
        }
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
