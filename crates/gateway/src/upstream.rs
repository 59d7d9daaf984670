//! Providers as the engine reaches them: an address, a connection pool, and the headers of a call.

mod upgrade;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dialects::{AuthScheme, AwsCredentials, Encoded, Quirk, SignedRequest, SigningScope};
use events::Dialect;
use http::{HeaderName, HeaderValue, Method};
use pingora_core::protocols::ALPN;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::protocols::http::v1::client::HttpSession as H1Session;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{ErrorType, OrErr};
use pingora_http::RequestHeader;
use tokio::sync::Mutex;
use units::{Clock, Secret, UnixMicros};

use crate::connections::{Connections, IDLE_TIME_MAX};
use crate::cork::Corked;

/// How long resolved addresses are used before they are looked up again, microseconds.
const ADDRESS_AGE_US_MAX: i64 = 30_000_000;
/// How long a name that did not resolve is left alone, so that requests do not queue up behind a
/// resolver that is away, microseconds.
const FAILURE_AGE_US_MAX: i64 = 1_000_000;
/// Most addresses of a name tried for one connection.
const ADDRESSES_MAX: usize = 4;
/// Longest wait for a name to resolve.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(3);
/// A group that no connection of other calls is in, so that none of them is found.
const GROUP_NEVER_POOLED: u64 = u64::MAX;
/// Concurrent streams on one HTTP/2 connection; Pingora's own default is 1.
const H2_STREAMS_MAX: usize = 128;

/// The region calls are signed for where the provider's host names none.
const REGION: &str = "us-east-1";

/// A provider as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Id, as routes name it.
    pub name: String,
    /// Wire format it speaks.
    pub dialect: Dialect,
    /// Base URL, `https://host[:port]/path`, to which the dialect's path is appended.
    pub base_url: String,
    /// Credential sent with each call; none for providers without one.
    pub secret: Option<Secret>,
    /// How it is sent; `None` is the dialect's own way.
    pub auth: Option<AuthScheme>,
    /// What it takes otherwise than its dialect has it.
    pub quirks: &'static [Quirk],
    /// Provider id in the price book.
    pub prices: String,
    /// Connections kept ready.
    pub connections_max: usize,
    /// Longest wait for a connection, milliseconds.
    pub connect_timeout_ms: u64,
    /// Longest wait for the first forwardable byte, milliseconds.
    pub ttfb_timeout_ms: u64,
    /// Longest silence within an answer, milliseconds.
    pub idle_timeout_ms: u64,
}

/// Why a provider cannot be used as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Not an `http` or `https` URL with a host.
    #[error("provider `{name}`: `{url}` is not a base URL: write http(s)://host[:port]/path")]
    BadUrl {
        /// The provider.
        name: String,
        /// What was configured.
        url: String,
    },
}

/// A provider ready for calls.
pub struct Upstream {
    /// As configured.
    pub provider: Provider,
    host: String,
    port: u16,
    is_tls: bool,
    authority: String,
    /// Path of the base URL, without a slash at its end.
    base: String,
    template: RequestHeader,
    h2_uri: http::Uri,
    /// With what each call is signed, where the provider wants that.
    signer: Option<Signer>,
    connections: Connections,
    resolved: ArcSwap<Resolved>,
    resolving: Mutex<()>,
    clock: Arc<dyn Clock>,
}

/// Signs calls of a cloud that takes no bare key.
struct Signer {
    credentials: AwsCredentials,
    region: String,
}

impl Signer {
    /// `None` for providers that take a key as it is.
    fn of(provider: &Provider, host: &str) -> Option<Self> {
        if provider.dialect != Dialect::BedrockConverse {
            return None;
        }
        let credentials = AwsCredentials::parse(provider.secret.as_ref()?)?;
        // `bedrock-runtime.eu-west-1.amazonaws.com` names its region.
        let named = host.strip_suffix(".amazonaws.com").and_then(|host| host.rsplit('.').next());
        Some(Self { credentials, region: named.unwrap_or(REGION).to_owned() })
    }
}

/// What the last look-up told; the address that last took a connection comes first.
#[derive(Debug, Clone)]
struct Resolved {
    addresses: Arc<[SocketAddr]>,
    fresh_until: UnixMicros,
}

impl Resolved {
    /// An address for a name; of a name nothing is known yet.
    fn literal(host: &str, port: u16) -> Self {
        match host.trim_matches(['[', ']']).parse() {
            Ok(ip) => Self {
                addresses: [SocketAddr::new(ip, port)].into(),
                fresh_until: UnixMicros::new(i64::MAX),
            },
            Err(_) => Self { addresses: [].into(), fresh_until: UnixMicros::new(0) },
        }
    }
}

/// A request on its way to a provider.
pub(crate) struct Outgoing {
    /// What is sent.
    pub(crate) encoded: Encoded,
    /// Where to, below the provider's base URL; borrowed where every call has the same.
    pub(crate) path: Cow<'static, str>,
    /// Method and headers, where they are not those of a dialect's own operations.
    pub(crate) head: Option<Box<Head>>,
}

/// Method and headers of a request that is passed on.
pub(crate) struct Head {
    pub(crate) method: Method,
    /// The client's; none of them is a credential.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// A connection to a provider, ready for one call.
pub(crate) struct Connected {
    pub(crate) session: Box<HttpSession>,
    /// Where it is given back to.
    pub(crate) place: Place,
    /// It has served a call before, so the provider may have closed it meanwhile.
    pub(crate) is_reused: bool,
}

/// Where a connection is kept between calls.
pub(crate) enum Place {
    /// HTTP/1: with those of its address.
    Address(SocketAddr),
    /// HTTP/2, which serves several calls at once: in the group it was made in.
    Group(Box<HttpPeer>),
}

impl Upstream {
    /// Checks the provider's URL and prepares its connection pool.
    pub fn new(provider: Provider, clock: Arc<dyn Clock>) -> Result<Self, UpstreamError> {
        let signer = |host: &str| Signer::of(&provider, host);
        let bad_url = || UpstreamError::BadUrl {
            name: provider.name.clone(),
            url: provider.base_url.clone(),
        };
        let uri: http::Uri = provider.base_url.parse().map_err(|_| bad_url())?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad_url()),
        };
        let host = uri.host().ok_or_else(bad_url)?.to_owned();
        let authority = uri.authority().ok_or_else(bad_url)?.as_str();
        let base = uri.path().trim_end_matches('/');
        let path = format!("{base}{}", dialects::endpoint_path(provider.dialect, "", false));
        let template = template(&provider, authority, path.as_bytes()).map_err(|_| bad_url())?;
        let h2_uri = format!("https://{authority}{path}").parse().map_err(|_| bad_url())?;
        let connections = Connections::new(provider.connections_max);
        let signer = signer(&host);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self {
            signer,
            resolved: ArcSwap::from_pointee(Resolved::literal(&host, port)),
            port,
            provider,
            host,
            is_tls,
            template,
            h2_uri,
            authority: authority.to_owned(),
            base: base.to_owned(),
            connections,
            resolving: Mutex::new(()),
            clock,
        })
    }

    /// A connection from the pool or (always, if `is_fresh`) a new one, to the first of the name's
    /// addresses that takes it; else why there is none.
    pub(crate) async fn connect(&self, is_fresh: bool) -> Result<Connected, Cow<'static, str>> {
        let mut reason = Cow::Borrowed("its name does not resolve");
        for (index, address) in self.addresses().await.iter().copied().enumerate() {
            let waiting = if is_fresh { None } else { self.connections.here().take(address) };
            if let Some(stream) = waiting {
                let session = Box::new(HttpSession::H1(H1Session::new(stream)));
                return Ok(Connected { session, place: Place::Address(address), is_reused: true });
            }
            // On the heap: most calls find a connection, and carry nothing of it.
            match Box::pin(self.open(address, is_fresh)).await {
                Ok(connected) => {
                    if index > 0 {
                        self.prefer(address);
                    }
                    return Ok(connected);
                }
                Err(error) => reason = Cow::Owned(error.etype().as_str().to_owned()),
            }
        }
        Err(reason)
    }

    /// A new connection, or a further stream on one of HTTP/2.
    async fn open(&self, address: SocketAddr, is_fresh: bool) -> pingora_error::Result<Connected> {
        let mut peer = self.peer(address);
        if is_fresh {
            peer.group_key = GROUP_NEVER_POOLED;
        }
        let here = self.connections.here();
        let (session, is_reused) = here.connector.get_http_session(&peer).await?;
        let (session, place) = match session {
            HttpSession::H1(session) => (HttpSession::H1(corked(session)), Place::Address(address)),
            other => (other, Place::Group(Box::new(peer))),
        };
        Ok(Connected { session: Box::new(session), place, is_reused })
    }

    fn peer(&self, address: SocketAddr) -> HttpPeer {
        let mut peer = HttpPeer::new(address, self.is_tls, self.host.clone());
        let connect = Duration::from_millis(self.provider.connect_timeout_ms);
        peer.options.connection_timeout = Some(connect);
        peer.options.total_connection_timeout = Some(connect);
        peer.options.max_h2_streams = H2_STREAMS_MAX;
        if self.is_tls {
            peer.options.alpn = ALPN::H2H1;
        }
        peer
    }

    /// Where the name leads. Looked up off the reactor, at most every 30 s; while the resolver is
    /// away the last good addresses stay.
    async fn addresses(&self) -> Arc<[SocketAddr]> {
        let fresh = || {
            let resolved = self.resolved.load();
            (self.clock.now() < resolved.fresh_until).then(|| Arc::clone(&resolved.addresses))
        };
        match fresh() {
            Some(addresses) => addresses,
            // On the heap, as well.
            None => Box::pin(self.look_up(fresh)).await,
        }
    }

    async fn look_up(&self, fresh: impl Fn() -> Option<Arc<[SocketAddr]>>) -> Arc<[SocketAddr]> {
        let _one_at_a_time = self.resolving.lock().await;
        if let Some(addresses) = fresh() {
            return addresses;
        }
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found: Vec<SocketAddr> = match tokio::time::timeout(RESOLVE_TIME_MAX, lookup).await {
            Ok(Ok(addresses)) => addresses.take(ADDRESSES_MAX).collect(),
            _ => Vec::new(),
        };
        let last = self.resolved.load_full();
        let (mut addresses, age_us) = match found.is_empty() {
            true => (last.addresses.to_vec(), FAILURE_AGE_US_MAX),
            false => (found, ADDRESS_AGE_US_MAX),
        };
        let preferred = last.addresses.first();
        addresses.sort_by_key(|address| Some(address) != preferred);
        let addresses: Arc<[SocketAddr]> = addresses.into();
        let fresh_until = self.clock.now().plus_micros(age_us);
        self.resolved.store(Arc::new(Resolved { addresses: Arc::clone(&addresses), fresh_until }));
        addresses
    }

    /// Tries this address first from now on.
    fn prefer(&self, address: SocketAddr) {
        let last = self.resolved.load_full();
        let mut addresses = last.addresses.to_vec();
        addresses.sort_by_key(|other| *other != address);
        let (addresses, fresh_until) = (addresses.into(), last.fresh_until);
        self.resolved.store(Arc::new(Resolved { addresses, fresh_until }));
    }

    /// Keeps a connection for its next call; only after its answer was read to the end.
    pub(crate) async fn release(&self, session: Box<HttpSession>, place: Place) {
        match (*session, place) {
            (HttpSession::H1(mut session), Place::Address(address)) => {
                session.respect_keepalive();
                if let Some(stream) = session.reuse().await {
                    self.connections.keep(stream, address);
                }
            }
            (session, Place::Group(peer)) => {
                let here = self.connections.here();
                let released =
                    here.connector.release_http_session(session, &*peer, Some(IDLE_TIME_MAX));
                Box::pin(released).await;
            }
            // Of HTTP/2 there is always a group.
            (_, Place::Address(_)) => {}
        }
    }

    /// Ends a call whose answer is not wanted to its end.
    pub(crate) async fn discard(&self, mut session: Box<HttpSession>, place: Place) {
        session.shutdown().await;
        // Of HTTP/2 only the stream has ended: the connection serves others.
        if matches!(place, Place::Group(_)) {
            self.release(session, place).await;
        }
    }

    /// Closes connections that have waited too long for a call; to be called every few seconds.
    pub(crate) fn close_idle(&self) {
        self.connections.close_idle();
    }

    /// The header of one call.
    pub(crate) fn header(
        &self,
        is_h2: bool,
        request: &Outgoing,
    ) -> pingora_error::Result<Box<RequestHeader>> {
        let mut header = self.template.clone();
        // A path of its own: the dialect names the model there.
        if let Cow::Owned(path) = &request.path {
            header.set_raw_path(format!("{}{path}", self.base).as_bytes())?;
        }
        if is_h2 {
            header.remove_header("host");
            header.set_uri(match &request.path {
                Cow::Borrowed(_) => self.h2_uri.clone(),
                Cow::Owned(path) => format!("https://{}{}{path}", self.authority, self.base)
                    .parse()
                    .or_err(ErrorType::InvalidHTTPHeader, "the model's name cannot be addressed")?,
            });
        }
        if let Some(head) = &request.head {
            header.set_method(head.method.clone());
            header.remove_header("content-type");
            header.remove_header("accept");
            for (name, _) in &head.headers {
                header.remove_header(name);
            }
            for (name, value) in &head.headers {
                header.append_header(name.clone(), value.clone())?;
            }
        }
        header.insert_header("content-length", request.encoded.body.len())?;
        for (name, value) in &request.encoded.headers {
            header.insert_header(*name, value)?;
        }
        if let Some(Signer { credentials, region }) = &self.signer {
            let path = format!("{}{}", self.base, request.path);
            let signed = SignedRequest {
                method: request.head.as_ref().map_or("POST", |head| head.method.as_str()),
                host: &self.authority,
                path: &path,
                headers: &[],
                body: &request.encoded.body.whole(),
            };
            let scope = SigningScope { region, service: dialects::SIGNING_SERVICE };
            for (name, value) in dialects::sign(&signed, credentials, &scope, self.clock.now()) {
                header.insert_header(name, value)?;
            }
        }
        Ok(Box::new(header))
    }
}

/// A new connection that will send heads together with bodies; HTTP/2 frames them by itself.
fn corked(session: H1Session) -> H1Session {
    H1Session::new(Box::new(Corked::new(session.into_inner())))
}

/// The header every call shares.
fn template(
    provider: &Provider,
    authority: &str,
    path: &[u8],
) -> pingora_error::Result<RequestHeader> {
    let mut header = RequestHeader::build_no_case("POST", path, Some(8))?;
    header.insert_header("host", authority)?;
    header.insert_header("content-type", "application/json")?;
    header.insert_header("accept", "application/json, text/event-stream")?;
    header.insert_header("user-agent", concat!("tollgate/", env!("CARGO_PKG_VERSION")))?;
    if let Some(secret) = &provider.secret {
        for (name, value) in dialects::credential_headers(provider.dialect, provider.auth, secret) {
            header.insert_header(name, value)?;
        }
    }
    Ok(header)
}
