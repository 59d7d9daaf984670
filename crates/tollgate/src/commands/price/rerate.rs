//! `tollgate price rerate`: what was recorded, priced again; the difference is written beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use events::Meters;
use lake::{Amounts, Lake, LakeOptions, PriceBasis, Reprice, Rerated};
use lake::{RerateFilter, RerateOptions, RerateRow, RowPrices, Window};
use policy::Scope;
use pricing::{PriceBook, PriceContext, PricePlan, Priced, Query};
use serde_json::json;
use store::{Actor, NewAudit, Store};
use units::{Clock, SystemClock, UnixMicros};

use super::book;
use crate::cli::{Output, PriceRerateArgs};
use crate::commands::config::load;
use crate::commands::key::open;
use crate::config::Config;
use crate::failure::CommandError;
use crate::{prices, print};

/// Threads the scan runs on.
const THREADS: usize = 2;

/// Runs the command.
pub(super) fn run(arguments: &PriceRerateArgs, path: &Path) -> Result<(), CommandError> {
    if arguments.from >= arguments.to {
        return Err(CommandError::Usage("--to must lie after --from".to_owned()));
    }
    let config = load(path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?;
    let rerated = runtime.block_on(async {
        let store = open(&config).await?;
        let rerated = rerate(&config, &store, arguments).await;
        store.close().await;
        rerated
    })?;
    show(&rerated, arguments)
}

async fn rerate(
    config: &Config,
    store: &Store,
    arguments: &PriceRerateArgs,
) -> Result<Rerated, CommandError> {
    let book = book::of_store(config, Some(store), arguments.book.as_deref()).await?;
    let version = book.version().to_owned();
    if !arguments.dry_run {
        // A row must never name a book nobody can find.
        store.prices().note(&prices::recorded(&book), &Actor::Cli).await?;
    }
    let run = format!("run-{}", SystemClock.now().get());
    let options = RerateOptions {
        run: run.clone(),
        window: Window { from: arguments.from, to: arguments.to },
        filter: RerateFilter {
            organisation: None,
            scope: arguments.team.clone().map(Scope::Team),
            provider: arguments.provider.clone(),
            model: arguments.model.clone(),
            is_unpriced: arguments.unpriced,
        },
        is_dry_run: arguments.dry_run,
    };
    let lake =
        Lake::open(LakeOptions::new(config.storage.lake_dir()), Arc::new(SystemClock)).await?;
    let rerated = lake.rerate(options, Arc::new(Pricer::new(book, config))).await?;
    if !arguments.dry_run && rerated.restated > 0 {
        let told = json!({
            "from": arguments.from.to_string(), "to": arguments.to.to_string(),
            "team": arguments.team, "provider": arguments.provider, "model": arguments.model,
            "price_version": version, "rows": rerated.restated, "delta_usd": rerated.delta,
        });
        let entry = NewAudit { after: told, ..NewAudit::new(&Actor::Cli, "price.rerate", run) };
        store.audit().append(&entry).await?;
    }
    Ok(rerated)
}

/// Prices a recorded attempt as the gateway would have.
pub(super) struct Pricer {
    book: PriceBook,
    /// Provider id in the book, by provider.
    billed_as: BTreeMap<String, String>,
}

impl Pricer {
    pub(super) fn new(book: PriceBook, config: &Config) -> Self {
        let billed_as =
            config.providers.iter().map(|p| (p.name.to_string(), p.prices.to_string())).collect();
        Self { book, billed_as }
    }

    /// A row without quantities was billed what was held for it, which no price can restate.
    fn price(&self, row: &RerateRow<'_>) -> Option<Priced<'_>> {
        if row.meters.is_empty() {
            return None;
        }
        self.book.price(&self.query(row))
    }

    fn query<'q>(&'q self, row: &RerateRow<'q>) -> Query<'q> {
        Query {
            provider: self.billed_as.get(row.provider).map_or(row.provider, String::as_str),
            model: row.model,
            at: row.received_at,
            context: PriceContext {
                service_tier: row.service_tier,
                processing: row.processing,
                speed: row.speed,
                inference_geo: row.inference_geo,
                duration_us: Some(row.duration_us),
                ..PriceContext::NONE
            },
            meters: row.meters,
        }
    }
}

/// The price of rows that are priced alike.
struct Planned<'a>(PricePlan<'a>);

impl RowPrices for Planned<'_> {
    fn holds_at(&self, at: UnixMicros) -> bool {
        self.0.holds_at(at)
    }

    fn amounts(&self, meters: &Meters, duration_us: u64) -> Option<Amounts> {
        if meters.is_empty() {
            return None;
        }
        let planned = self.0.cost(meters, Some(duration_us))?;
        Some(Amounts { list: planned.list, contract: Some(planned.cost), billed: planned.cost })
    }
}

impl Reprice for Pricer {
    fn amounts(&self, row: &RerateRow<'_>) -> Option<Amounts> {
        let priced = self.price(row)?;
        Some(Amounts { list: priced.list, contract: Some(priced.cost), billed: priced.cost })
    }

    fn plan(&self, like: &RerateRow<'_>) -> Option<Box<dyn RowPrices + '_>> {
        Some(Box::new(Planned(self.book.plan(&self.query(like)))))
    }

    fn basis(&self, row: &RerateRow<'_>) -> Option<PriceBasis> {
        let priced = self.price(row)?;
        Some(PriceBasis {
            model_priced: priced.model_id.to_owned(),
            price_version: self.book.version().to_owned(),
            rate_set: priced.rate_set.to_string(),
        })
    }
}

fn show(rerated: &Rerated, arguments: &PriceRerateArgs) -> Result<(), CommandError> {
    let rows: Vec<[String; 7]> = rerated
        .by_model
        .iter()
        .map(|model| {
            [
                model.provider.clone(),
                model.model.clone(),
                model.restated.to_string(),
                model.newly_priced.to_string(),
                model.before.to_string(),
                model.after.to_string(),
                (model.after - model.before).to_string(),
            ]
        })
        .collect();
    let header = ["provider", "model", "restated", "newly_priced", "before", "after", "delta"];
    print::rows(header, &rows, arguments.output)?;
    let done = if arguments.dry_run { "would be restated" } else { "restated" };
    let total = format!(
        "{} rows priced again, {} {done}, {} still unknown, {} kept as they are, {} USD more",
        rerated.rows_seen, rerated.restated, rerated.unpriced, rerated.kept, rerated.delta
    );
    // Beside the rows, so that these stay what was asked for.
    match arguments.output {
        Output::Table => print::line(&total),
        _ => {
            eprintln!("tollgate: {total}");
            Ok(())
        }
    }
}
