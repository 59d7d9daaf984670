//! The newest requests, and how recent the table is.

use units::{UnixMicros, Usd};

use crate::query::Params;
use crate::rows::Rows;
use crate::window::{Window, limit};
use crate::{Lake, LakeError, named};

/// How far back the newest rows are looked for, microseconds: looking further would read the table.
const LOOK_BACK_US: i64 = 7 * 86_400_000_000;
/// Room for clocks of gateways that run ahead of this one's, microseconds.
const LOOK_AHEAD_US: i64 = 86_400_000_000;

/// How recent the table is, over the last seven days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Rows of those days.
    pub rows: u64,
    /// When the newest request had arrived, by its gateway's clock.
    pub received_at: Option<UnixMicros>,
    /// When the newest row was committed, by the committer's clock.
    pub ingested_at: Option<UnixMicros>,
}

/// One request as its final row tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRequest {
    /// The request, `req_…`.
    pub request_id: String,
    /// When it had arrived.
    pub received_at: UnixMicros,
    /// Team.
    pub team: Option<String>,
    /// Provider that answered.
    pub provider: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: String,
    /// HTTP status of the answer.
    pub status: Option<i64>,
    /// Kind of error; `None` for success.
    pub error_class: Option<String>,
    /// The client asked for a stream.
    pub is_stream: bool,
    /// Input tokens of the final attempt, cached ones included.
    pub input_tokens: u64,
    /// Output tokens of the final attempt, reasoning included.
    pub output_tokens: u64,
    /// Billed cost of the final attempt, USD; `None` is unknown, or nothing was used.
    pub cost: Option<Usd>,
    /// From arrival to the end of the answer, microseconds.
    pub duration_us: u64,
}

impl Lake {
    /// How recent the table is.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn freshness(&self) -> Result<Freshness, LakeError> {
        self.ask(named::FRESHNESS, self.lately()).await?.only(|rows, row| {
            Ok(Freshness {
                rows: rows.count(row, "usage_rows")?,
                received_at: rows.instant(row, "received_at")?,
                ingested_at: rows.instant(row, "ingested_at")?,
            })
        })
    }

    /// The newest requests of the last seven days, newest first, at most `rows`.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn recent_requests(&self, rows: u32) -> Result<Vec<RecentRequest>, LakeError> {
        let mut params = self.lately();
        params.push(("limit", limit(rows)));
        self.ask(named::RECENT_REQUESTS, params).await?.map(recent_request)
    }

    fn lately(&self) -> Params {
        let now = self.clock().now();
        let from = now.plus_micros(-LOOK_BACK_US);
        Window { from, to: now.plus_micros(LOOK_AHEAD_US) }.params()
    }
}

fn recent_request(rows: &Rows, row: usize) -> Result<RecentRequest, LakeError> {
    Ok(RecentRequest {
        request_id: rows.name(row, "request_id")?,
        received_at: rows.instant(row, "received_at")?.unwrap_or_default(),
        team: rows.text(row, "team")?,
        provider: rows.text(row, "provider")?,
        model: rows.name(row, "model")?,
        status: rows.integer(row, "status")?,
        error_class: rows.text(row, "error_class")?,
        is_stream: rows.flag(row, "is_stream")?,
        input_tokens: rows.count(row, "input_tokens_total")?,
        output_tokens: rows.count(row, "output_tokens_total")?,
        cost: rows.money(row, "cost_usd")?,
        duration_us: rows.count(row, "duration_us")?,
    })
}
