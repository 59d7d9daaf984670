//! Single requests as the pages show them, and the trait they are read through.
//!
//! It must never know how a price is computed: the lines of a cost come ready from the price book.

use async_trait::async_trait;
use events::UsageEvent;
use pricing::{NoReceipt, Receipt};
use units::{Slug, UnixMicros, Usd};

use crate::explore::{Condition, Span};
use crate::ledger::LedgerError;

/// The requests that were metered.
#[async_trait]
pub trait RequestLog: Send + Sync {
    /// A page of requests, newest first.
    async fn page(&self, question: &RequestsQuestion) -> Result<RequestsPage, LedgerError>;

    /// Every attempt of a request, in the order they were made; empty when there is none of that id,
    /// or when it is not the team's.
    async fn attempts(&self, id: &str, team: Option<&Slug>) -> Result<Vec<Attempt>, LedgerError>;
}

/// Which requests to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestsQuestion {
    /// When they arrived.
    pub span: Span,
    /// The only team whose requests are listed; `None` is everybody's.
    pub team: Option<Slug>,
    /// What all must meet.
    pub conditions: Vec<Condition>,
    /// What came of them.
    pub kind: Kind,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Most rows of a page.
    pub limit: u32,
}

/// A kind of request, by what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// All of them.
    #[default]
    Any,
    /// Answered.
    Answered,
    /// Ended in an error, refusals included.
    Failed,
    /// Answered from the cache.
    Cached,
    /// Used something whose cost is unknown.
    Unpriced,
    /// Metered by estimate.
    Estimated,
}

impl Kind {
    /// All of them, as forms list them.
    pub const ALL: &'static [Kind] =
        &[Kind::Any, Kind::Answered, Kind::Failed, Kind::Cached, Kind::Unpriced, Kind::Estimated];

    /// The name in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Any => "any",
            Kind::Answered => "answered",
            Kind::Failed => "failed",
            Kind::Cached => "cached",
            Kind::Unpriced => "unpriced",
            Kind::Estimated => "estimated",
        }
    }

    /// The name people read.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Any => "All",
            Kind::Answered => "Answered",
            Kind::Failed => "Failed or refused",
            Kind::Cached => "Answered from the cache",
            Kind::Unpriced => "Without a price",
            Kind::Estimated => "Metered by estimate",
        }
    }
}

/// Rows of a page, and where the next begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestsPage {
    /// Newest first.
    pub rows: Vec<RequestRow>,
    /// The cursor of the page after; `None` on the last.
    pub next: Option<String>,
}

/// One request on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its id, `req_…`.
    pub id: String,
    /// When it had arrived.
    pub received_at: UnixMicros,
    /// Who pays.
    pub payer: Payer,
    /// Provider that answered; `None` where none was asked.
    pub provider: Option<String>,
    /// Model as sent to the provider, or as asked for.
    pub model: String,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// Kind of error; `None` for success.
    pub error: Option<String>,
    /// Input and output tokens of all attempts.
    pub tokens: (u64, u64),
    /// Billed cost of all attempts; `None` where that of some is unknown.
    pub cost: Option<Usd>,
    /// From arrival to the end of the answer, microseconds.
    pub duration_us: u64,
    /// What one should know of it.
    pub marks: Marks,
}

/// Who pays for a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payer {
    /// Team.
    pub team: Option<String>,
    /// Virtual key, `key_…`.
    pub key: Option<String>,
    /// End user.
    pub user: Option<String>,
    /// Customer served.
    pub customer: Option<String>,
    /// Product feature.
    pub feature: Option<String>,
}

/// What one should know of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Its quantities are an estimate.
    pub is_estimated: bool,
    /// The cache answered it.
    pub is_cached: bool,
    /// It used something whose cost is unknown.
    pub is_unpriced: bool,
    /// Attempts made; more than one means that a target failed.
    pub attempts: u64,
}

/// One attempt of a request: what was recorded, and what its cost is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// As recorded.
    pub event: UsageEvent,
    /// The lines of its cost, or why there are none.
    pub receipt: Result<Receipt, NoReceipt>,
}

/// No requests, for consoles without a ledger of rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRequests;

#[async_trait]
impl RequestLog for NoRequests {
    async fn page(&self, _: &RequestsQuestion) -> Result<RequestsPage, LedgerError> {
        Ok(RequestsPage::default())
    }

    async fn attempts(&self, _: &str, _: Option<&Slug>) -> Result<Vec<Attempt>, LedgerError> {
        Ok(Vec::new())
    }
}
