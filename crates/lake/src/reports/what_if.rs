//! The traffic of a scope in groups that are priced alike: what it would cost elsewhere is worked out
//! from these, without reading rows again for every alternative.
//!
//! It must never know a price.

use std::collections::BTreeMap;

use datafusion::scalar::ScalarValue;
use events::{Meter, Meters};
use policy::Scope;
use units::Usd;

use crate::filter::{self, Filter, Table};
use crate::named::NamedQuery;
use crate::query::Params;
use crate::rows::Rows;
use crate::window::{Window, text};
use crate::{Lake, LakeError, columns, named};

/// Most sizes a prompt's may be told apart by.
const SIZES_MAX: usize = 4;
const SIZE_PARAMS: [&str; SIZES_MAX] = ["size_1", "size_2", "size_3", "size_4"];

/// Whose traffic, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIfQuery {
    /// When.
    pub window: Window,
    /// Organisation; `None` is all.
    pub organisation: Option<String>,
    /// Whose, within it.
    pub scope: Scope,
    /// What all of it must meet besides.
    pub filters: Vec<Filter>,
    /// Input tokens from which a prompt is of the next size: where long-context tiers begin, ascending,
    /// four at most.
    pub sizes: Vec<u64>,
}

/// What selects variants of a price, as recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallTerms {
    /// Service tier served.
    pub service_tier: Option<String>,
    /// How it was processed.
    pub processing: Option<String>,
    /// Speed served at.
    pub speed: Option<String>,
    /// Where it was computed.
    pub inference_geo: Option<String>,
}

/// Traffic of one model, on the same terms and with prompts of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIfGroup {
    /// Provider.
    pub provider: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// On which terms.
    pub terms: CallTerms,
    /// How many of the sizes asked for its prompts reach.
    pub size: u8,
    /// Attempts that used something.
    pub requests: u64,
    /// Input tokens of the smallest and of the largest prompt.
    pub input_tokens: (u64, u64),
    /// All they used.
    pub meters: Meters,
    /// Their time together, microseconds.
    pub duration_us: u64,
    /// Billed cost of those whose cost is known, USD. Corrections have no prompt: theirs is in the
    /// group of the smallest size, so that costs are right by model and terms.
    pub cost: Usd,
    /// Attempts whose cost is unknown; negative where a correction priced another group's.
    pub unpriced: i64,
}

type Key = (Option<String>, Option<String>, CallTerms, i64);

impl Lake {
    /// The traffic of a scope in groups that are priced alike. It reads rows, exact to the microsecond.
    ///
    /// # Errors
    /// [`LakeError::Query`] for more than four sizes and for too many or too long filters, and when the
    /// query fails or takes too long.
    pub async fn what_if(&self, query: &WhatIfQuery) -> Result<Vec<WhatIfGroup>, LakeError> {
        if query.sizes.len() > SIZES_MAX {
            let reason = format!("prompts can be told apart by {SIZES_MAX} sizes at most");
            return Err(LakeError::Query(reason));
        }
        filter::check(&query.filters)?;
        let params = query.params();
        let sql = |named: NamedQuery| named.filtered(Table::Rows, &query.filters);
        let mut others: BTreeMap<Key, Meters> = BTreeMap::new();
        self.ask_sql(&sql(named::WHAT_IF_OTHER), params.clone()).await?.each(|rows, row| {
            others.insert(key(rows, row)?, other_meters(rows, row)?);
            Ok(())
        })?;
        let mut groups = Vec::new();
        self.ask_sql(&sql(named::WHAT_IF), params).await?.each(|rows, row| {
            let key = key(rows, row)?;
            let mut meters = others.remove(&key).unwrap_or_default();
            for (column, meter) in columns::METERS {
                meters.add(*meter, rows.count(row, column)?);
            }
            let (provider, model, terms, size) = key;
            groups.push(WhatIfGroup {
                provider,
                model,
                terms,
                size: u8::try_from(size).unwrap_or(0),
                requests: rows.count(row, "requests")?,
                input_tokens: (rows.count(row, "input_min")?, rows.count(row, "input_max")?),
                meters,
                duration_us: rows.count(row, "duration_us")?,
                cost: rows.known_sum(row, "cost_usd")?,
                unpriced: rows.integer(row, "unpriced")?.unwrap_or(0),
            });
            Ok(())
        })?;
        Ok(groups)
    }
}

impl WhatIfQuery {
    fn params(&self) -> Params {
        let mut params = self.window.params();
        params.extend([
            ("organisation", ScalarValue::Utf8(self.organisation.clone())),
            ("scope", text(self.scope.kind())),
            ("value", text(&self.scope.name().unwrap_or_default())),
        ]);
        for (at, name) in SIZE_PARAMS.into_iter().enumerate() {
            let start = self.sizes.get(at).map_or(i64::MAX, |tokens| columns::clamped(*tokens));
            params.push((name, ScalarValue::Int64(Some(start))));
        }
        params
    }
}

fn key(rows: &Rows, row: usize) -> Result<Key, LakeError> {
    let terms = CallTerms {
        service_tier: rows.text(row, "service_tier")?,
        processing: rows.text(row, "processing")?,
        speed: rows.text(row, "speed")?,
        inference_geo: rows.text(row, "inference_geo")?,
    };
    let (provider, model) = (rows.text(row, "provider")?, rows.text(row, "model")?);
    Ok((provider, model, terms, rows.integer(row, "size")?.unwrap_or(0)))
}

fn other_meters(rows: &Rows, row: usize) -> Result<Meters, LakeError> {
    let mut meters = Meters::NONE;
    let is_other = |meter: &&Meter| !columns::METERS.iter().any(|(_, own)| own == *meter);
    for meter in Meter::ALL.iter().filter(is_other) {
        meters.add(*meter, rows.count(row, meter.as_str())?);
    }
    Ok(meters)
}
