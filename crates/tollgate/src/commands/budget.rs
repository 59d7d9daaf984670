//! `tollgate budget list|leases|reconcile|forget`: what budgets have spent and who holds leases.
//!
//! Works on the database and the lake, beside a running product or without one.

use std::path::Path;
use std::sync::Arc;

use finops::{Authority, AuthorityOptions};
use lake::{Lake, LakeOptions};
use policy::{LeaseState, WindowBooks};
use store::{Actor, Store};
use units::{Clock, SystemClock};

use crate::cli::{BudgetCommand, Output};
use crate::commands::config::load;
use crate::commands::key::open;
use crate::config::Config;
use crate::failure::CommandError;
use crate::{compile, print};

/// Runs the command.
pub fn run(command: &BudgetCommand, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?;
    runtime.block_on(async {
        let store = open(&config).await?;
        let result = Books::of(&config, &store).await?.run(command).await;
        store.close().await;
        result
    })
}

struct Books {
    authority: Authority,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Books {
    async fn of(config: &Config, store: &Store) -> Result<Self, CommandError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = LakeOptions::new(config.storage.lake_dir());
        let lake = Lake::open(options, Arc::clone(&clock)).await?;
        let options =
            AuthorityOptions { ttl_ms: config.link.lease_ttl_ms, ..AuthorityOptions::default() };
        let authority =
            Authority::new(store.leases(), lake, store.audit(), Arc::clone(&clock), options);
        let zone = config.organisation.time_zone.billing();
        authority.configure(&compile::budgets(config), zone);
        Ok(Self { authority, store: store.clone(), clock })
    }

    async fn run(&self, command: &BudgetCommand) -> Result<(), CommandError> {
        match command {
            BudgetCommand::List { output } => self.list(*output).await,
            BudgetCommand::Leases { output } => self.leases(*output).await,
            BudgetCommand::Reconcile => self.reconcile().await,
            BudgetCommand::Forget { node } => self.forget(node).await,
        }
    }

    async fn list(&self, output: Output) -> Result<(), CommandError> {
        let statuses = self.authority.status(self.clock.now()).await?;
        let row = |status: &policy::BudgetStatus| {
            let left = status.limit.saturating_sub_to_zero(status.spent + status.reserved);
            [
                status.name.clone(),
                status.scope.clone(),
                status.window.to_string(),
                status.limit.to_string(),
                status.spent.to_string(),
                status.reserved.to_string(),
                left.to_string(),
                status.resets_at.to_string(),
            ]
        };
        let rows: Vec<_> = statuses.iter().map(row).collect();
        let header = ["name", "scope", "window", "limit", "spent", "reserved", "left", "resets"];
        print::rows(header, &rows, output)
    }

    async fn open_books(&self) -> Result<Vec<WindowBooks>, CommandError> {
        Ok(self.store.leases().open_windows(self.clock.now()).await?)
    }

    async fn leases(&self, output: Output) -> Result<(), CommandError> {
        let statuses = self.authority.status(self.clock.now()).await?;
        let name = |books: &WindowBooks| {
            let status = statuses.iter().find(|status| status.id == books.budget);
            status.map_or_else(|| books.budget.to_string(), |status| status.name.clone())
        };
        let mut rows = Vec::new();
        for books in self.open_books().await? {
            let open = books.leases.iter().filter(|lease| lease.state == LeaseState::Open);
            rows.extend(open.map(|lease| {
                [
                    lease.node.clone(),
                    lease.epoch.clone(),
                    name(&books),
                    books.window_start.to_string(),
                    lease.granted.to_string(),
                    lease.settled.to_string(),
                    lease.reserved.to_string(),
                    lease.expires_at.to_string(),
                ]
            }));
        }
        let header =
            ["node", "epoch", "budget", "window", "granted", "settled", "reserved", "expires"];
        print::rows(header, &rows, output)
    }

    async fn reconcile(&self) -> Result<(), CommandError> {
        let drifts = self.authority.reconcile(self.clock.now()).await?;
        for drift in &drifts {
            print::line(&format!(
                "{}: the books said {}, the lake says {} (corrected by {})",
                drift.name,
                drift.expected,
                drift.found,
                drift.amount()
            ))?;
        }
        print::line(&format!("{} differences", drifts.len()))
    }

    async fn forget(&self, node: &str) -> Result<(), CommandError> {
        let mut epochs: Vec<String> = self
            .open_books()
            .await?
            .into_iter()
            .flat_map(|books| books.leases)
            .filter(|lease| lease.node == node && lease.state == LeaseState::Open)
            .map(|lease| lease.epoch)
            .collect();
        epochs.sort();
        epochs.dedup();
        if epochs.is_empty() {
            return Err(CommandError::Usage(format!("gateway `{node}` holds no lease")));
        }
        for epoch in epochs {
            let closed = self.authority.forget(node, &epoch, &Actor::Cli).await?;
            print::line(&format!("{closed} leases of {node}/{epoch} closed"))?;
        }
        Ok(())
    }
}
