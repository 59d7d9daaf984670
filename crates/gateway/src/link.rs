//! The console over HTTP: snapshots by long poll, and leases.
//!
//! This file must never know what a snapshot or a lease says.

mod error;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use policy::{LeaseReply, LeaseReport, PROTOCOL};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Response, Url};
use tokio::time::{Instant, timeout_at};
use units::Secret;

use crate::leases::{Authority, AuthorityAway};

pub use error::LinkError;

/// Says which protocol a half speaks.
const PROTOCOL_HEADER: &str = "x-tollgate-protocol";
/// Longest wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// Longest time for a round of leases.
const LEASES_TIME_MAX: Duration = Duration::from_secs(2);
/// What a long poll may take beyond the time the console was told to wait.
const SNAPSHOT_TIME_EXTRA: Duration = Duration::from_secs(10);
/// Longest time for the body of a snapshot.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Largest snapshot, bytes.
const SNAPSHOT_BYTES_MAX: usize = 64 << 20;
/// Largest answer with leases, bytes.
const LEASES_BYTES_MAX: usize = 8 << 20;
/// Most of an error's body that is read, bytes.
const ERROR_BYTES_MAX: usize = 8 << 10;
/// A connection whose other end has vanished is found out after this much silence, and two probes.
const KEEPALIVE: Duration = Duration::from_secs(4);
/// Time between the probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 2;

/// How the console is reached.
#[derive(Debug, Clone)]
pub struct HttpLinkOptions {
    /// `http(s)://host[:port]`, the console's own address.
    pub console_url: String,
    /// The secret both halves share.
    pub secret: Secret,
    /// Name of this gateway.
    pub node: String,
    /// PEM file of the authorities that may have signed the console's certificate; the system's own
    /// where there is none.
    pub ca_file: Option<PathBuf>,
}

/// A console over HTTP. Cheap to share; keeps its connections.
#[derive(Debug)]
pub struct HttpLink {
    client: Client,
    snapshot_url: Url,
    leases_url: Url,
    node: String,
    secret: Secret,
}

/// A snapshot as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotReply {
    /// The console's name for it, by which the next one is asked for.
    pub tag: Option<String>,
    /// The document as JSON; not looked at yet.
    pub json: Bytes,
}

impl HttpLink {
    /// Prepares the link; connects to nothing yet.
    ///
    /// # Errors
    /// When the address is none, or the certificates cannot be used.
    pub fn new(options: HttpLinkOptions) -> Result<Self, LinkError> {
        let HttpLinkOptions { console_url, secret, node, ca_file } = options;
        let bad_url = || LinkError::BadUrl(console_url.clone());
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.query().is_none();
        let base = Url::parse(&console_url).ok().filter(is_web).ok_or_else(bad_url)?;
        let base = base.as_str().trim_end_matches('/');
        let url =
            |path: &str| Url::parse(&format!("{base}/gateway/v1/{path}")).map_err(|_| bad_url());
        let (snapshot_url, leases_url) = (url("snapshot")?, url("leases")?);
        let builder = Client::builder()
            // A redirect would take the secret elsewhere, and a proxy is not configured here.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME_MAX)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
            .tcp_keepalive_retries(KEEPALIVE_RETRIES);
        let is_tls = snapshot_url.scheme() == "https";
        let client = trust(builder, is_tls, ca_file.as_deref())?.build();
        let client = client.map_err(|error| LinkError::Tls(error::told(error)))?;
        Ok(Self { client, snapshot_url, leases_url, node, secret })
    }

    /// Asks for a snapshot other than the one called `after`; the console answers when it has one,
    /// or after `wait` with nothing new.
    pub async fn snapshot(
        &self,
        after: Option<&str>,
        wait: Duration,
    ) -> Result<Option<SnapshotReply>, LinkError> {
        let url = self.poll_url(after, wait);
        let head = Instant::now() + wait + SNAPSHOT_TIME_EXTRA;
        let response = self.send(self.client.get(url), head).await?;
        match response.status().as_u16() {
            204 | 304 => Ok(None),
            200 => {
                let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
                let tag = tag.map(|tag| tag.trim_matches('"').to_owned());
                let deadline = Instant::now() + BODY_TIME_MAX;
                let json = collect(response, SNAPSHOT_BYTES_MAX, deadline).await?;
                Ok(Some(SnapshotReply { tag, json }))
            }
            _ => Err(refusal(response).await),
        }
    }

    fn poll_url(&self, after: Option<&str>, wait: Duration) -> Url {
        let mut url = self.snapshot_url.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("node", &self.node);
        query.append_pair("wait_ms", &wait.as_millis().to_string());
        query.extend_pairs(after.map(|after| ("after", after)));
        drop(query);
        url
    }

    async fn leases(&self, report: &LeaseReport) -> Result<LeaseReply, LinkError> {
        let deadline = Instant::now() + LEASES_TIME_MAX;
        let body = serde_json::to_vec(report).map_err(|error| LinkError::garbage(&error))?;
        let request = self.client.post(self.leases_url.clone()).body(body);
        let request = request.header("content-type", "application/json");
        let response = self.send(request, deadline).await?;
        if response.status().as_u16() != 200 {
            return Err(refusal(response).await);
        }
        let json = collect(response, LEASES_BYTES_MAX, deadline).await?;
        serde_json::from_slice(&json).map_err(|error| LinkError::garbage(&error))
    }

    /// Sends a request and waits for the head of the answer.
    async fn send(
        &self,
        request: RequestBuilder,
        deadline: Instant,
    ) -> Result<Response, LinkError> {
        let request = request
            .bearer_auth(self.secret.expose())
            .header(PROTOCOL_HEADER, PROTOCOL)
            .header("accept", "application/json, application/problem+json");
        let sent = timeout_at(deadline, request.send()).await.map_err(|_| LinkError::Late)?;
        sent.map_err(|error| LinkError::Unreachable(error::told(error)))
    }
}

#[async_trait]
impl Authority for HttpLink {
    async fn sync(&self, report: LeaseReport) -> Result<LeaseReply, AuthorityAway> {
        self.leases(&report).await.map_err(|error| AuthorityAway(error.to_string()))
    }
}

/// Whose certificates are believed.
fn trust(
    builder: ClientBuilder,
    is_tls: bool,
    ca_file: Option<&Path>,
) -> Result<ClientBuilder, LinkError> {
    if !is_tls {
        // Without TLS nobody is; a machine without any authority installed must still start.
        return Ok(builder.tls_certs_only([]));
    }
    let Some(path) = ca_file else { return Ok(builder) };
    let unusable = |reason: String| LinkError::CaFile { path: path.to_path_buf(), reason };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error::told(error)))?;
    if found.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(builder.tls_certs_only(found))
}

/// Reads a body to its end, which must come before both limits.
async fn collect(
    mut response: Response,
    bytes_max: usize,
    deadline: Instant,
) -> Result<Bytes, LinkError> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).unwrap_or(usize::MAX) > bytes_max {
        return Err(LinkError::TooLarge(bytes_max));
    }
    let mut body = BytesMut::new();
    loop {
        let read = timeout_at(deadline, response.chunk()).await.map_err(|_| LinkError::Late)?;
        match read.map_err(|error| LinkError::Unreachable(error::told(error)))? {
            Some(more) if body.len() + more.len() <= bytes_max => body.extend_from_slice(&more),
            Some(_) => return Err(LinkError::TooLarge(bytes_max)),
            None => return Ok(body.freeze()),
        }
    }
}

/// What an answer that is none of those asked for says.
async fn refusal(response: Response) -> LinkError {
    let status = response.status().as_u16();
    let deadline = Instant::now() + LEASES_TIME_MAX;
    let body = collect(response, ERROR_BYTES_MAX, deadline).await.unwrap_or_default();
    LinkError::answered(status, &body)
}
