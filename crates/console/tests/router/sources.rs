//! In-memory sources behind the console's traits.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use console::access::{AccessError, Session};
use console::explore::Span;
use console::ledger::{LedgerError, MonthWindow, OverviewData, StatementEntry};
use console::prices::{PriceDesk, RecordedLayer, RouteTarget, TrafficAsked, UnpricedUse};
use console::{Access, BoardError, BudgetBoard, BudgetStatus, Ledger};
use finops::Statement;
use lake::{ModelHolder, ModelUsed, ReportedCost, WhatIfGroup};
use pricing::{Layer, LayerKind, PriceBook};
use store::Role;
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
    async fn overview(
        &self,
        _: &MonthWindow,
        team: Option<&Slug>,
    ) -> Result<OverviewData, LedgerError> {
        self.check()?;
        let mut overview = self.overview.clone();
        overview.teams.retain(|share| is_of(team, share.name.as_deref()));
        Ok(overview)
    }

    async fn statement_index(
        &self,
        first: BillingPeriod,
        last: BillingPeriod,
        team: Option<&Slug>,
    ) -> Result<Vec<StatementEntry>, LedgerError> {
        self.check()?;
        let shown = |entry: &&StatementEntry| {
            (first..=last).contains(&entry.period) && is_of(team, entry.team.as_deref())
        };
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

/// Whether something of team `name` is within what `team` may see.
fn is_of(team: Option<&Slug>, name: Option<&str>) -> bool {
    team.is_none_or(|team| name == Some(team.as_str()))
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

    /// Makes an admin's session of this token.
    pub(crate) fn add_session(&self, token: &str, expires_at: UnixMicros) {
        self.add(token, Role::Admin, None, expires_at);
    }

    /// Makes a session of this token that lasts, for a role and perhaps one team only.
    pub(crate) fn add_role(&self, token: &str, role: Role, team: Option<&str>) {
        self.add(token, role, team, UnixMicros::new(i64::MAX));
    }

    fn add(&self, token: &str, role: Role, team: Option<&str>, expires_at: UnixMicros) {
        let session = Session {
            id: SessionId::generate(),
            role,
            team: team.map(|team| team.parse().unwrap()),
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

/// Budgets as given; `is_down` makes every answer an error.
#[derive(Debug, Default)]
pub(crate) struct MemoryBudgets {
    pub(crate) budgets: Vec<BudgetStatus>,
    pub(crate) is_down: bool,
}

impl MemoryBudgets {
    pub(crate) fn of(budgets: Vec<BudgetStatus>) -> Self {
        Self { budgets, is_down: false }
    }
}

#[async_trait]
impl BudgetBoard for MemoryBudgets {
    async fn status(&self) -> Result<Vec<BudgetStatus>, BoardError> {
        if self.is_down {
            return Err(BoardError("database gone".to_owned()));
        }
        Ok(self.budgets.clone())
    }
}

/// Prices of one file; what has none with the team that used it. `is_down` makes every answer an error
/// but the book.
#[derive(Debug)]
pub(crate) struct MemoryPrices {
    pub(crate) book: Arc<PriceBook>,
    pub(crate) unpriced: Vec<(&'static str, UnpricedUse)>,
    pub(crate) targets: Vec<RouteTarget>,
    pub(crate) usage: MemoryUsage,
    pub(crate) is_down: bool,
}

/// What was used, with the team that used it.
#[derive(Debug, Default)]
pub(crate) struct MemoryUsage {
    pub(crate) traffic: Vec<(&'static str, WhatIfGroup)>,
    pub(crate) holders: Vec<ModelHolder>,
    pub(crate) reported: Vec<(&'static str, ReportedCost)>,
    /// What traffic was last asked for.
    pub(crate) asked: Mutex<Vec<TrafficAsked>>,
}

impl MemoryPrices {
    /// The book of one operator's file.
    pub(crate) fn of(json: &str) -> Self {
        let name = "<b>ours</b>.json".to_owned();
        let layer = Layer { kind: LayerKind::Operator, name, json: json.to_owned() };
        let book = Arc::new(PriceBook::compose(&[layer]).unwrap());
        let (unpriced, targets) = (Vec::new(), Vec::new());
        Self { book, unpriced, targets, usage: MemoryUsage::default(), is_down: false }
    }

    fn check(&self) -> Result<(), LedgerError> {
        if self.is_down { Err(LedgerError::Failed("disk gone".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl PriceDesk for MemoryPrices {
    fn book(&self) -> Arc<PriceBook> {
        Arc::clone(&self.book)
    }

    async fn recorded(&self, _: &str) -> Result<Vec<RecordedLayer>, LedgerError> {
        self.check()?;
        let recorded = |source: &Arc<pricing::Source>| RecordedLayer {
            kind: source.kind,
            name: source.name.clone(),
            recorded_at: UnixMicros::new(1_795_000_000_000_000),
        };
        Ok(self.book.sources().iter().map(recorded).collect())
    }

    fn billed_as(&self, provider: &str) -> Option<String> {
        (provider == "labs").then(|| "acme".to_owned())
    }

    fn targets(&self) -> Vec<RouteTarget> {
        self.targets.clone()
    }

    async fn unpriced(
        &self,
        _: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<UnpricedUse>, LedgerError> {
        self.check()?;
        Ok(theirs(&self.unpriced, team))
    }

    async fn models_used(
        &self,
        span: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<ModelUsed>, LedgerError> {
        let mut models: Vec<ModelUsed> = Vec::new();
        for holder in self.model_holders(span, team, &[]).await? {
            let is_it = |used: &&mut ModelUsed| {
                (&used.provider, &used.model) == (&holder.used.provider, &holder.used.model)
            };
            match models.iter_mut().find(is_it) {
                Some(sum) => {
                    sum.calls += holder.used.calls;
                    sum.cost += holder.used.cost;
                }
                None => models.push(holder.used),
            }
        }
        Ok(models)
    }

    async fn model_holders(
        &self,
        _: Span,
        team: Option<&Slug>,
        models: &[String],
    ) -> Result<Vec<ModelHolder>, LedgerError> {
        self.check()?;
        let is_asked = |holder: &&ModelHolder| {
            models.is_empty() || holder.used.model.as_ref().is_some_and(|m| models.contains(m))
        };
        let theirs = self.usage.holders.iter().filter(|h| is_of(team, h.team.as_deref()));
        Ok(theirs.filter(is_asked).cloned().collect())
    }

    async fn traffic(&self, asked: &TrafficAsked) -> Result<Vec<WhatIfGroup>, LedgerError> {
        self.check()?;
        self.usage.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        Ok(theirs(&self.usage.traffic, asked.team.as_ref()))
    }

    async fn reported_costs(
        &self,
        _: Span,
        team: Option<&Slug>,
    ) -> Result<Vec<ReportedCost>, LedgerError> {
        self.check()?;
        Ok(theirs(&self.usage.reported, team))
    }
}

fn theirs<T: Clone>(all: &[(&'static str, T)], team: Option<&Slug>) -> Vec<T> {
    let own = all.iter().filter(|(name, _)| is_of(team, Some(name)));
    own.map(|(_, one)| one.clone()).collect()
}

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct StoppedClock(pub(crate) UnixMicros);

impl Clock for StoppedClock {
    fn now(&self) -> UnixMicros {
        self.0
    }
}
