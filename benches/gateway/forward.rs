//! Pingora alone, passing requests on: what the engine the gateway stands on costs by itself.

use std::net::SocketAddr;

use async_trait::async_trait;
use pingora_core::server::configuration::{Opt, ServerConf};
use pingora_core::server::{RunArgs, Server};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

use super::Result;

struct Forward {
    provider: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Forward {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(
        &self,
        _: &mut Session,
        _: &mut Self::CTX,
    ) -> pingora_error::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.provider, false, String::new())))
    }
}

/// Passes everything on to the provider until killed: the bench starts itself again for it.
pub(super) fn forward() -> Result<()> {
    let provider = std::env::var("TOLLGATE_BENCH_PROVIDER")?.parse()?;
    let configuration = ServerConf { threads: 2, work_stealing: false, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None::<Opt>, configuration);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Forward { provider });
    service.add_tcp(&std::env::var("TOLLGATE_BENCH_LISTEN")?);
    server.add_service(service);
    server.run(RunArgs::default());
    Ok(())
}
