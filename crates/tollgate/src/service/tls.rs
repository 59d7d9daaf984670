//! The console's HTTPS: certificates read from files, handshakes apart from accepting.
//!
//! A client that never finishes its handshake holds one of a bounded number of places for a bounded
//! time, and nobody else up.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::failure::CommandError;

/// Longest time a handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Handshakes under way at once; beyond it new connections wait in the system's queue.
const HANDSHAKES_MAX: usize = 256;
/// Pause after accepting failed, which it does when the process has no file handle left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that gives connections whose handshake is done.
pub(super) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    /// Answers with a certificate chain and its key, PEM files both.
    pub(super) fn new(tcp: TcpListener, chain: &Path, key: &Path) -> Result<Self, CommandError> {
        let unusable = |path: &Path, error: &dyn std::fmt::Display, key: &str| {
            CommandError::Usage(format!("server.{key}: {}: {error}", path.display()))
        };
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable(chain, &error, "console_cert_file"))?;
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| unusable(key, &error, "console_key_file"))?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(certificates, private)
            .map_err(|error| unusable(chain, &error, "console_cert_file"))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { tcp, acceptor, handshakes: JoinSet::new() })
    }

    fn shake(&mut self, stream: TcpStream, peer: SocketAddr) {
        let accepting = self.acceptor.accept(stream);
        self.handshakes.spawn(async move {
            match timeout(HANDSHAKE_TIME_MAX, accepting).await {
                Ok(Ok(stream)) => Some((stream, peer)),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "tls handshake failed");
                    None
                }
                Err(_) => None,
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let has_room = self.handshakes.len() < HANDSHAKES_MAX;
            tokio::select! {
                accepted = self.tcp.accept(), if has_room => match accepted {
                    Ok((stream, peer)) => self.shake(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "console cannot accept connections");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(shaken) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = shaken {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
