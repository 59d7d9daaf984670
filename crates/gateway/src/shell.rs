//! The Pingora shell: listeners, HTTP/1 and HTTP/2, keep-alive and shutdown are its; a request goes
//! whole to the engine.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use pingora_core::apps::{
    HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream,
};
use pingora_core::listeners::{L4BufferSettings, ListenerConfig, TcpSocketOptions};
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::configuration::{Opt, ServerConf};
use pingora_core::server::{RunArgs, Server, ShutdownWatch};
use pingora_core::services::listening::Service;
use pingora_error::ErrorType;

use crate::connections::pin_thread;
use crate::drain::StopSignals;
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
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        let is_pinned = !listen.work_stealing;
        let shell = Shell { engine: Arc::clone(&engine), options, is_pinned };
        let mut service = Service::new("gateway".to_owned(), shell);
        service.threads = is_pinned.then_some(1);
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

/// What Pingora hands each request to.
struct Shell {
    engine: Arc<Engine>,
    options: HttpServerOptions,
    /// Its requests never leave the thread they arrive on.
    is_pinned: bool,
}

#[async_trait]
impl HttpServerApp for Shell {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if self.is_pinned {
            pin_thread();
        }
        if !begins(&mut session, shutdown.clone()).await {
            return None;
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        let serving = self.engine.drain.enter();
        // On the heap: it is moved while the request is answered.
        let mut ledger = Box::new(Ledger::new(Arc::clone(&self.engine.accounting)));
        // As well: a connection that waits for a request carries nothing of it.
        Box::pin(self.engine.handle(&mut session, &mut ledger)).await;
        // What was not settled is now.
        drop(ledger);
        let settings = HttpPersistentSettings::for_session(&session);
        let reusable = session.finish().await.ok().flatten();
        drop(serving);
        reusable.map(|stream| ReusedHttpStream::from_reusable_stream(stream, settings))
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}

/// Waits for the head of a request; `false` when there is none, and the connection is over.
async fn begins(session: &mut ServerSession, mut shutdown: ShutdownWatch) -> bool {
    let head = tokio::select! { biased;
        // A request that has arrived is answered even at a stop.
        head = session.read_request() => head,
        _ = shutdown.wait_for(|is_stopping| *is_stopping) => return false,
    };
    let status = match head {
        Ok(true) if session.req_header().method == Method::CONNECT => 405,
        Ok(is_read) => return is_read,
        Err(error) if *error.etype() == ErrorType::InvalidHTTPHeader => 400,
        Err(error) => {
            tracing::debug!(%error, "a client's connection ended within a request's head");
            session.shutdown().await;
            return false;
        }
    };
    if let Err(error) = session.respond_error(status).await {
        tracing::debug!(%error, "a client left before it was told of its error");
    }
    session.shutdown().await;
    false
}
