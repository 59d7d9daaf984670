//! What must hold after the storm, from three sides: what clients saw, what the lake holds, and what
//! the providers would bill.

use std::collections::BTreeMap;

use events::{Meter, Meters};
use lake::{Lake, Rendering};
use pricing::{PriceBook, PriceContext, Query};
use serde_json::Value;
use simulator::traffic::MODELS;
use simulator::{Bill, Quantities};
use units::{Clock, SystemClock, Usd};

use super::chaos::Refused;
use super::digits::breach;
use crate::failure::CommandError;
use crate::print;

/// What the clients saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Cost named by each complete answer, by request id.
    pub(super) answered: BTreeMap<String, Usd>,
    /// Refused by the budget.
    pub(super) denied: u64,
    /// Without an answer.
    pub(super) broken: u64,
    /// Anything else.
    pub(super) refused: Refused,
}

/// Checks everything and says what was found.
pub(super) async fn check(
    lake: &Lake,
    seen: &Seen,
    bill: &Bill,
    cap: Usd,
) -> Result<(), CommandError> {
    if !seen.refused.is_empty() {
        return Err(breach(format!("unexpected answers by status: {:?}", seen.refused)));
    }
    let rows =
        json(lake, "SELECT request_id, attempt, is_final, status, cost_usd FROM usage").await?;
    let mut held: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    let mut recorded = Usd::ZERO;
    for row in &rows {
        recorded += amount(&row["cost_usd"])?;
        held.entry(row["request_id"].as_str().unwrap_or_default()).or_default().push(row);
    }
    let (mut lost, mut differing) = (0, 0);
    for (request_id, cost) in &seen.answered {
        match held
            .get(request_id.as_str())
            .and_then(|rows| rows.iter().find(|r| r["status"] == 200))
        {
            None => lost += 1,
            Some(row) if amount(&row["cost_usd"])? != *cost => differing += 1,
            Some(_) => {}
        }
    }
    let is_twice = |rows: &&Vec<&Value>| {
        let mut attempts: Vec<i64> =
            rows.iter().filter_map(|row| row["attempt"].as_i64()).collect();
        attempts.sort_unstable();
        let finals = rows.iter().filter(|row| row["is_final"] == true).count();
        attempts.windows(2).any(|pair| pair[0] == pair[1]) || finals != 1
    };
    let twice = held.values().filter(is_twice).count();
    let billed = priced(bill)?;
    let over = recorded.saturating_sub_to_zero(cap) + billed.saturating_sub_to_zero(cap);
    print::line(&format!(
        "chaos: lost {lost}, twice {twice}, over the cap {over}; recorded {recorded} of {cap}, \
         providers billed {billed}"
    ))?;
    let enough = seen.answered.len() > 100 && seen.denied > 0;
    match (lost, twice, differing, over.is_zero(), enough) {
        (0, 0, 0, true, true) => Ok(()),
        (.., false) => Err(breach("the storm was too mild: the cap was not reached")),
        _ => Err(breach(format!("{differing} answers are recorded at another cost"))),
    }
}

async fn json(lake: &Lake, sql: &str) -> Result<Vec<Value>, CommandError> {
    let result = lake.sql(sql).await?;
    if result.is_truncated {
        return Err(breach("more rows than a query may return"));
    }
    serde_json::from_str(&result.render(Rendering::Json)?)
        .map_err(|error| breach(format!("query output: {error}")))
}

fn amount(value: &Value) -> Result<Usd, CommandError> {
    match value {
        Value::Null => Ok(Usd::ZERO),
        other => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            text.parse().map_err(|error| breach(format!("amount: {error}")))
        }
    }
}

/// What the providers' bill comes to at list prices.
fn priced(bill: &Bill) -> Result<Usd, CommandError> {
    let prices = PriceBook::embedded()?;
    let cost = |(model, used): (&String, &Quantities)| {
        let meters = Meters::NONE
            .with(Meter::InputText, used.input_tokens)
            .with(Meter::CacheReadText, used.cache_read_tokens)
            .with(Meter::CacheWrite5m, used.cache_write_tokens - used.cache_write_1h_tokens)
            .with(Meter::CacheWrite1h, used.cache_write_1h_tokens)
            .with(Meter::OutputText, used.output_tokens - used.reasoning_tokens)
            .with(Meter::Reasoning, used.reasoning_tokens);
        let used_by = MODELS.iter().find(|used| used.model == model);
        let provider = used_by.map_or("", |used| used.provider);
        let at = SystemClock.now();
        let query = Query { provider, model, at, context: PriceContext::NONE, meters: &meters };
        prices.price(&query).map_or(Usd::MAX, |priced| priced.cost)
    };
    Ok(bill.models.iter().map(cost).sum())
}
