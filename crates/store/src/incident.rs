//! Incidents: something worth a person's attention, from when it was first seen until it is over.
//!
//! It must never know what makes one, nor whom it is told to.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use units::{IncidentId, Slug, UnixMicros};

use crate::{Actor, StoreError};

/// Most rows a list of incidents or deliveries gives at once.
pub const PAGE_MAX: u32 = 1_000;

/// How bad it is, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Needs a look today.
    Warning,
    /// Needs a look now.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// The stable text form, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not one of {}", Severity::ALL.map(Severity::as_str).join(", "))
        })
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// What makes two sightings the same incident: rule, subject, window. One is open per key.
    pub key: String,
    /// Which rule saw it, such as `budget_threshold`.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, as a scope is written: `team:search`.
    pub subject: String,
    /// The team whose readers may see it; `None` is seen by readers of the whole organisation alone.
    pub team: Option<Slug>,
    /// One line for people.
    pub headline: String,
    /// The figures behind it, as the rule defines them; money as decimal strings.
    pub figures: Value,
    /// When it was seen.
    pub at: UnixMicros,
}

/// What people did about an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// When someone said they are on it.
    pub acknowledged_at: Option<UnixMicros>,
    /// Who, as the audit log names them.
    pub acknowledged_by: Option<String>,
    /// Until when it is expected and nobody is to be told. A later incident of the same key keeps it.
    pub expected_until: Option<UnixMicros>,
}

/// An incident as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Id; opened later sorts later.
    pub id: IncidentId,
    /// What makes two sightings the same incident.
    pub key: String,
    /// Which rule saw it.
    pub kind: String,
    /// How bad it is, as last seen.
    pub severity: Severity,
    /// What it is about, as a scope is written.
    pub subject: String,
    /// The team whose readers may see it.
    pub team: Option<Slug>,
    /// One line for people, as last seen.
    pub headline: String,
    /// The figures, as last seen.
    pub figures: Value,
    /// When it was first seen.
    pub first_seen: UnixMicros,
    /// When it was last seen.
    pub last_seen: UnixMicros,
    /// When it was over; `None` while it is open.
    pub resolved_at: Option<UnixMicros>,
    /// What people did about it.
    pub attention: Attention,
}

impl Incident {
    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }

    /// Whether someone said it is expected at an instant, so that nobody is to be told.
    pub fn is_expected(&self, at: UnixMicros) -> bool {
        self.attention.expected_until.is_some_and(|until| at < until)
    }
}

/// What a sighting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It opened an incident.
    Opened,
    /// It changed severity, headline or figures of the open one.
    Updated,
    /// It showed what was known; only the time of the last sighting moved.
    Unchanged,
}

/// Which incidents to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Open ones only.
    pub open_only: bool,
    /// Of this team only.
    pub team: Option<Slug>,
    /// Those opened before this one: the cursor of a page.
    pub before: Option<IncidentId>,
    /// At most this many, and never more than [`PAGE_MAX`].
    pub limit: u32,
}

/// Everyone's, open or over, at most 100.
impl Default for IncidentFilter {
    fn default() -> Self {
        Self { open_only: false, team: None, before: None, limit: 100 }
    }
}

/// The incidents of an installation.
#[async_trait]
pub trait Incidents: Send + Sync + fmt::Debug {
    /// Notes a sighting: opens an incident, or brings the open one of the same key up to date. A
    /// sighting older than the last one changes nothing.
    async fn open_or_update(&self, seen: &NewIncident) -> Result<(Incident, Change), StoreError>;

    /// Ends the open incident of a key; `None` when there is none.
    async fn resolve(&self, key: &str, at: UnixMicros) -> Result<Option<Incident>, StoreError>;

    /// The incident of an id.
    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, StoreError>;

    /// The open incident of a key.
    async fn find_open(&self, key: &str) -> Result<Option<Incident>, StoreError>;

    /// Incidents, newest first.
    async fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError>;

    /// Notes that someone is on it; the first stays. An unknown id is [`StoreError::NotFound`].
    async fn acknowledge(&self, id: IncidentId, by: &Actor) -> Result<Incident, StoreError>;

    /// Says until when it is expected; `None` takes that back. An unknown id is
    /// [`StoreError::NotFound`].
    async fn expect(
        &self,
        id: IncidentId,
        until: Option<UnixMicros>,
        by: &Actor,
    ) -> Result<Incident, StoreError>;
}
