//! What a console reads from and writes to, put together where it is wired.

use std::sync::Arc;

use store::Store;
use tokio::sync::watch;

use crate::alerting::{AlertBoard, NoAlerts};
use crate::budgets::NoBudgets;
use crate::declared::Declared;
use crate::desk::Desk;
use crate::explore::{Explorer, NothingToExplore};
use crate::link::Link;
use crate::prices::PriceDesk;
use crate::requests::{NoRequests, RequestLog};
use crate::{Access, BudgetBoard, Ledger};

/// What a console reads from and writes to. What is left out is answered as absent.
#[derive(Clone)]
pub struct Sources {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) budgets: Arc<dyn BudgetBoard>,
    pub(crate) explorer: Arc<dyn Explorer>,
    pub(crate) requests: Arc<dyn RequestLog>,
    pub(crate) alerts: Arc<dyn AlertBoard>,
    pub(crate) prices: Option<Arc<dyn PriceDesk>>,
    pub(crate) desk: Option<Desk>,
    pub(crate) link: Option<Link>,
}

impl Sources {
    /// The least a console needs: figures, and who may see them.
    pub fn new(ledger: Arc<dyn Ledger>, access: Arc<dyn Access>) -> Self {
        Self {
            ledger,
            access,
            budgets: Arc::new(NoBudgets),
            explorer: Arc::new(NothingToExplore),
            requests: Arc::new(NoRequests),
            alerts: Arc::new(NoAlerts),
            prices: None,
            desk: None,
            link: None,
        }
    }

    /// Where budgets stand; without it there are none.
    #[must_use]
    pub fn with_budgets(self, budgets: Arc<dyn BudgetBoard>) -> Self {
        Self { budgets, ..self }
    }

    /// Where usage is explored, the course of budgets included; without it neither is shown.
    #[must_use]
    pub fn with_explorer(self, explorer: Arc<dyn Explorer>) -> Self {
        Self { explorer, ..self }
    }

    /// Where single requests are; without it none are listed.
    #[must_use]
    pub fn with_requests(self, requests: Arc<dyn RequestLog>) -> Self {
        Self { requests, ..self }
    }

    /// Where incidents, their deliveries and the channels are; without it there are none.
    #[must_use]
    pub fn with_alerts(self, alerts: Arc<dyn AlertBoard>) -> Self {
        Self { alerts, ..self }
    }

    /// The prices in force, and what has none; without it there are no pages of them.
    #[must_use]
    pub fn with_prices(self, prices: Arc<dyn PriceDesk>) -> Self {
        Self { prices: Some(prices), ..self }
    }

    /// Where keys are kept, and what the configuration declares beside them; without it there are no
    /// pages of them.
    #[must_use]
    pub fn with_store(self, store: Store, declared: watch::Receiver<Arc<Declared>>) -> Self {
        Self { desk: Some(Desk::new(store, declared)), ..self }
    }

    /// What gateways ask that run apart; without it their addresses do not exist.
    #[must_use]
    pub fn with_link(self, link: Link) -> Self {
        Self { link: Some(link), ..self }
    }
}
