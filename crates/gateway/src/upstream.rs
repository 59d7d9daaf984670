//! Providers as the engine reaches them: an address, a connection pool, and the headers of a call.

mod upgrade;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dialects::{AuthScheme, AwsCredentials, Encoded, SignedRequest, SigningScope};
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

use crate::connections::Connections;
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
/// A group that no HTTP/1 connection is given back to, so that none is found in the pool.
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
#[derive(Debug, Clone, Default)]
struct Resolved {
    addresses: Vec<SocketAddr>,
    fresh_until: UnixMicros,
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
    pub(crate) session: HttpSession,
    /// What it is given back under.
    pub(crate) peer: HttpPeer,
    /// It has served a call before, so the provider may have closed it meanwhile.
    pub(crate) is_reused: bool,
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
        Ok(Self {
            signer,
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            provider,
            host,
            is_tls,
            template,
            h2_uri,
            authority: authority.to_owned(),
            base: base.to_owned(),
            connections,
            resolved: ArcSwap::default(),
            resolving: Mutex::new(()),
            clock,
        })
    }

    /// A connection from the pool or (always, if `is_fresh`) a new one, to the first of the name's
    /// addresses that takes it; else why there is none.
    pub(crate) async fn connect(&self, is_fresh: bool) -> Result<Connected, Cow<'static, str>> {
        let mut reason = Cow::Borrowed("its name does not resolve");
        for (index, address) in self.addresses().await.into_iter().enumerate() {
            let peer = self.peer(address);
            let mut wanted = peer.clone();
            if is_fresh {
                wanted.group_key = GROUP_NEVER_POOLED;
            }
            match self.connections.here().get_http_session(&wanted).await {
                Ok((session, is_reused)) => {
                    if index > 0 {
                        self.prefer(address);
                    }
                    let session = if is_reused { session } else { corked(session, &peer) };
                    // Of HTTP/2 the connection itself stays in the group it was made in.
                    let is_h1 = matches!(session, HttpSession::H1(_));
                    let peer = if is_h1 { peer } else { wanted };
                    return Ok(Connected { session, peer, is_reused });
                }
                Err(error) => reason = Cow::Owned(error.etype().as_str().to_owned()),
            }
        }
        Err(reason)
    }

    fn peer(&self, address: SocketAddr) -> HttpPeer {
        let mut peer = HttpPeer::new(address, self.is_tls, self.host.clone());
        let connect = Duration::from_millis(self.provider.connect_timeout_ms);
        peer.options.connection_timeout = Some(connect);
        peer.options.total_connection_timeout = Some(connect);
        peer.options.idle_timeout = Some(Duration::from_secs(60));
        peer.options.max_h2_streams = H2_STREAMS_MAX;
        if self.is_tls {
            peer.options.alpn = ALPN::H2H1;
        }
        peer
    }

    /// Where the name leads. Looked up off the reactor, at most every 30 s; while the resolver is
    /// away the last good addresses stay.
    async fn addresses(&self) -> Vec<SocketAddr> {
        if let Ok(ip) = self.host.trim_matches(['[', ']']).parse() {
            return vec![SocketAddr::new(ip, self.port)];
        }
        let fresh = || {
            let resolved = self.resolved.load();
            (self.clock.now() < resolved.fresh_until).then(|| resolved.addresses.clone())
        };
        if let Some(addresses) = fresh() {
            return addresses;
        }
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
            true => (last.addresses.clone(), FAILURE_AGE_US_MAX),
            false => (found, ADDRESS_AGE_US_MAX),
        };
        let preferred = last.addresses.first();
        addresses.sort_by_key(|address| Some(address) != preferred);
        let fresh_until = self.clock.now().plus_micros(age_us);
        self.resolved.store(Arc::new(Resolved { addresses: addresses.clone(), fresh_until }));
        addresses
    }

    /// Tries this address first from now on.
    fn prefer(&self, address: SocketAddr) {
        let mut resolved = Resolved::clone(&self.resolved.load());
        resolved.addresses.sort_by_key(|other| *other != address);
        self.resolved.store(Arc::new(resolved));
    }

    /// Gives a connection back to the pool; only after its answer was read to the end.
    pub(crate) async fn release(&self, session: HttpSession, peer: &HttpPeer) {
        let idle = peer.options.idle_timeout;
        self.connections.here().release_http_session(session, peer, idle).await;
    }

    /// Ends a call whose answer is not wanted to its end.
    pub(crate) async fn discard(&self, mut session: HttpSession, peer: &HttpPeer) {
        session.shutdown().await;
        // Of HTTP/2 only the stream has ended: the connection serves others.
        if matches!(session, HttpSession::H2(_)) {
            self.release(session, peer).await;
        }
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
fn corked(session: HttpSession, peer: &HttpPeer) -> HttpSession {
    match session {
        HttpSession::H1(session) => {
            let stream = Box::new(Corked::new(session.into_inner()));
            HttpSession::H1(H1Session::new_with_options(stream, peer))
        }
        other => other,
    }
}

/// The header every call shares.
fn template(
    provider: &Provider,
    authority: &str,
    path: &[u8],
) -> pingora_error::Result<RequestHeader> {
    let mut header = RequestHeader::build("POST", path, Some(8))?;
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
