//! A connection that leaves HTTP: made for one session, never from the pool and never given back to it.

use pingora_core::protocols::ALPN;
use pingora_http::RequestHeader;

use super::{Connected, GROUP_NEVER_POOLED, Place, Provider, Upstream};

impl Upstream {
    /// A new connection of HTTP/1.1 to the first of the name's addresses that takes it; else why there
    /// is none.
    pub(crate) async fn connect_alone(&self) -> Result<Connected, String> {
        let mut reason = "its name does not resolve".to_owned();
        for address in self.addresses().await.iter().copied() {
            let mut peer = self.peer(address);
            peer.group_key = GROUP_NEVER_POOLED;
            peer.options.alpn = ALPN::H1;
            match self.connections.here().connector.get_http_session(&peer).await {
                Ok((session, _)) => {
                    let (session, place) = (Box::new(session), Place::Address(address));
                    return Ok(Connected { session, place, is_reused: false });
                }
                Err(error) => error.etype().as_str().clone_into(&mut reason),
            }
        }
        Err(reason)
    }

    /// The header that asks to leave HTTP at a path below the base URL, with the provider's credential.
    pub(crate) fn upgrade_header(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> pingora_error::Result<Box<RequestHeader>> {
        let path = format!("{}{path}", self.base);
        let mut header = RequestHeader::build_no_case("GET", path.as_bytes(), Some(12))?;
        header.insert_header("host", &self.authority)?;
        header.insert_header("user-agent", concat!("tollgate/", env!("CARGO_PKG_VERSION")))?;
        for (name, value) in headers {
            header.insert_header(*name, value)?;
        }
        header.insert_header("connection", "Upgrade")?;
        header.insert_header("upgrade", "websocket")?;
        if let Some(secret) = &self.provider.secret {
            let Provider { dialect, auth, .. } = self.provider;
            for (name, value) in dialects::credential_headers(dialect, auth, secret) {
                header.insert_header(name, value)?;
            }
        }
        Ok(Box::new(header))
    }
}
