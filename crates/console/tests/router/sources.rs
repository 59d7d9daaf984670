//! In-memory sources behind the console's traits.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use console::access::{AccessError, Session};
use console::ledger::{LedgerError, MonthWindow, OverviewData, StatementEntry};
use console::{Access, BudgetBoard, BudgetStatus, Ledger};
use finops::Statement;
use units::{BillingPeriod, Clock, Secret, SessionId, Slug, UnixMicros};

/// A ledger that answers with what it was given; `is_down` makes every answer an error.
#[derive(Debug, Default)]
pub(crate) struct MemoryLedger {
    pub(crate) overview: OverviewData,
    pub(crate) entries: Vec<StatementEntry>,
    pub(crate) statements: Vec<Statement>,
    pub(crate) is_down: bool,
}

impl MemoryLedger {
    fn check(&self) -> Result<(), LedgerError> {
        if self.is_down { Err(LedgerError::Failed("disk gone".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn overview(&self, _: &MonthWindow) -> Result<OverviewData, LedgerError> {
        self.check()?;
        Ok(self.overview.clone())
    }

    async fn statement_index(
        &self,
        first: BillingPeriod,
        last: BillingPeriod,
    ) -> Result<Vec<StatementEntry>, LedgerError> {
        self.check()?;
        let shown = |entry: &&StatementEntry| (first..=last).contains(&entry.period);
        Ok(self.entries.iter().filter(shown).cloned().collect())
    }

    async fn statement(
        &self,
        team: &Slug,
        period: BillingPeriod,
    ) -> Result<Option<Statement>, LedgerError> {
        self.check()?;
        let asked = |s: &&Statement| s.scope.team == *team && s.scope.period == period;
        Ok(self.statements.iter().find(asked).cloned())
    }

    async fn ready(&self) -> Result<(), LedgerError> {
        self.check()
    }
}

/// Login links and sessions in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryAccess {
    links: Mutex<HashSet<String>>,
    sessions: Mutex<HashMap<String, Session>>,
}

impl MemoryAccess {
    /// Makes a login link of this token.
    pub(crate) fn add_link(&self, token: &str) {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned());
    }

    /// Makes a session of this token.
    pub(crate) fn add_session(&self, token: &str, expires_at: UnixMicros) {
        let session = Session {
            id: SessionId::generate(),
            role: "admin".to_owned(),
            csrf: Secret::new(format!("csrf-of-{token}")),
            expires_at,
        };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(token.to_owned(), session);
    }
}

#[async_trait]
impl Access for MemoryAccess {
    async fn log_in(&self, link_token: &str) -> Result<Option<Secret>, AccessError> {
        let was_there =
            self.links.lock().unwrap_or_else(PoisonError::into_inner).remove(link_token);
        if !was_there {
            return Ok(None);
        }
        let token = format!("session-from-{link_token}");
        self.add_session(&token, UnixMicros::new(i64::MAX));
        Ok(Some(Secret::new(token)))
    }

    async fn session(&self, token: &str) -> Result<Option<Session>, AccessError> {
        Ok(self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned())
    }

    async fn log_out(&self, session: SessionId) -> Result<(), AccessError> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, open| open.id != session);
        Ok(())
    }

    async fn ready(&self) -> Result<(), AccessError> {
        Ok(())
    }
}

/// Budgets as given.
#[derive(Debug, Default)]
pub(crate) struct MemoryBudgets(pub(crate) Vec<BudgetStatus>);

impl BudgetBoard for MemoryBudgets {
    fn status(&self) -> Vec<BudgetStatus> {
        self.0.clone()
    }
}

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct StoppedClock(pub(crate) UnixMicros);

impl Clock for StoppedClock {
    fn now(&self) -> UnixMicros {
        self.0
    }
}
