//! `[server]`: where both halves listen, and what the gateway accepts.
//!
//! Must never know how a socket is opened.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::HttpUrl;

/// Where Tollgate listens, what it accepts and how it stops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port the gateway listens on (clients' base URL). Port 0 takes a free one.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub gateway: SocketAddr,
    /// Address and port the console listens on. Port 0 takes a free one.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub console: SocketAddr,
    /// URL a browser reaches the console at, for login links and for the origin check. Default:
    /// `http://` and the address of `console`.
    #[schemars(with = "Option<String>", extend("format" = "http-url"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_url: Option<HttpUrl>,
    /// PEM file of the certificate chain the console answers HTTPS with. Default: it speaks plain
    /// HTTP.
    #[schemars(with = "Option<String>", length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_cert_file: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    #[schemars(with = "Option<String>", length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_key_file: Option<PathBuf>,
    /// Worker threads of the gateway. Default: one per core.
    #[schemars(range(min = 1, max = 1024))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u16>,
    /// Whether workers take over each other's requests. `false` gives each a listener and connections
    /// of its own, and took a fifth off the CPU of small requests (measured 2026-11, ADR 011); `true`
    /// suits large bodies, whose translation then holds up nobody else.
    pub work_stealing: bool,
    /// Largest request body, bytes; a larger one is answered 413. 32 MiB.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub body_bytes_max: u64,
    /// Memory all request bodies may hold at once, bytes; beyond it requests are answered 503.
    /// 512 MiB.
    #[schemars(range(min = 1024))]
    pub body_memory_bytes_max: u64,
    /// Longest time to receive a whole request body, milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub body_read_timeout_ms: u64,
    /// Longest time requests under way may take to end when the process is told to stop,
    /// milliseconds.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub shutdown_grace_ms: u64,
    /// HTTP status of a refusal by a budget: 402, 403 or 429. SDKs retry 429 by themselves, so 429
    /// invites a storm of retries.
    pub budget_denied_status: DeniedStatus,
    /// Memory that kept answers may take, bytes; the least used leave first. 256 MiB.
    #[schemars(range(min = 0, max = 1_099_511_627_776_i64))]
    pub cache_bytes_max: u64,
    /// Whether answers also carry LiteLLM's `x-litellm-*` headers.
    pub expose_litellm_headers: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            gateway: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            console: SocketAddr::from((Ipv4Addr::LOCALHOST, 4001)),
            console_url: None,
            console_cert_file: None,
            console_key_file: None,
            threads: None,
            work_stealing: true,
            body_bytes_max: 32 * 1024 * 1024,
            body_memory_bytes_max: 512 * 1024 * 1024,
            body_read_timeout_ms: 30_000,
            shutdown_grace_ms: 10_000,
            budget_denied_status: DeniedStatus::PaymentRequired,
            cache_bytes_max: 256 * 1024 * 1024,
            expose_litellm_headers: false,
        }
    }
}

/// The HTTP status of a refusal by a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(with = "u16", extend("enum" = [402, 403, 429]))]
pub enum DeniedStatus {
    /// 402 Payment Required.
    #[default]
    PaymentRequired,
    /// 403 Forbidden.
    Forbidden,
    /// 429 Too Many Requests.
    TooManyRequests,
}

impl DeniedStatus {
    /// The status code.
    pub const fn code(self) -> u16 {
        match self {
            DeniedStatus::PaymentRequired => 402,
            DeniedStatus::Forbidden => 403,
            DeniedStatus::TooManyRequests => 429,
        }
    }
}

impl From<DeniedStatus> for u16 {
    fn from(status: DeniedStatus) -> u16 {
        status.code()
    }
}

impl TryFrom<u16> for DeniedStatus {
    type Error = String;
    fn try_from(code: u16) -> Result<Self, String> {
        match code {
            402 => Ok(DeniedStatus::PaymentRequired),
            403 => Ok(DeniedStatus::Forbidden),
            429 => Ok(DeniedStatus::TooManyRequests),
            other => Err(format!("{other} is not one of 402, 403 and 429")),
        }
    }
}
