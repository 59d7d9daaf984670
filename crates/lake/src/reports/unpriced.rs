//! Calls that still have no price, and whom they concern.

use std::collections::BTreeMap;

use jiff::civil::Date;
use units::UnixMicros;

use crate::window::Lens;
use crate::{Lake, LakeError, named};

/// A model whose calls have no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedUse {
    /// Provider.
    pub provider: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// Attempts whose cost is unknown.
    pub requests: u64,
    /// Their input and output tokens.
    pub tokens: u64,
    /// When the first of them arrived, by its gateway's clock.
    pub first_at: UnixMicros,
    /// When the last of them arrived.
    pub last_at: UnixMicros,
    /// The teams that made them, sorted; `None` is usage without a team.
    pub teams: Vec<Option<String>>,
}

/// A model whose calls have no price, as sums kept ready tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedEntry {
    /// Provider.
    pub provider: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// Attempts whose cost is unknown.
    pub requests: u64,
    /// Input and output tokens of the model on the days there are such attempts, by the teams that made
    /// them; priced ones of those days included.
    pub tokens: u64,
    /// The first of these days, UTC.
    pub first_day: Date,
    /// The last of them.
    pub last_day: Date,
}

impl Lake {
    /// Models with calls that have no price and were not given one since, most called first, over the
    /// days of UTC that a window touches. It reads sums by day: its time does not grow with the rows.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn unpriced_queue(&self, lens: &Lens) -> Result<Vec<UnpricedEntry>, LakeError> {
        self.ask(named::UNPRICED_QUEUE, lens.params()).await?.map(|rows, row| {
            Ok(UnpricedEntry {
                provider: rows.text(row, "provider")?,
                model: rows.text(row, "model")?,
                requests: rows.count(row, "requests")?,
                tokens: rows.count(row, "tokens")?,
                first_day: rows.day(row, "first_day")?,
                last_day: rows.day(row, "last_day")?,
            })
        })
    }

    /// Models with calls that have no price and were not given one since, most called first. It reads
    /// rows, exact to the microsecond.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn unpriced(&self, lens: &Lens) -> Result<Vec<UnpricedUse>, LakeError> {
        let by_team = self.ask(named::UNPRICED, lens.params()).await?.map(|rows, row| {
            Ok(UnpricedUse {
                provider: rows.text(row, "provider")?,
                model: rows.text(row, "model")?,
                requests: rows.count(row, "requests")?,
                tokens: rows.count(row, "tokens")?,
                first_at: rows.instant(row, "first_at")?.unwrap_or_default(),
                last_at: rows.instant(row, "last_at")?.unwrap_or_default(),
                teams: vec![rows.text(row, "team")?],
            })
        })?;
        let mut models: BTreeMap<(Option<String>, Option<String>), UnpricedUse> = BTreeMap::new();
        for of_team in by_team {
            let key = (of_team.provider.clone(), of_team.model.clone());
            match models.get_mut(&key) {
                Some(all) => all.add(of_team),
                None => drop(models.insert(key, of_team)),
            }
        }
        let mut models: Vec<UnpricedUse> = models.into_values().collect();
        models.sort_by_key(|model| std::cmp::Reverse(model.requests));
        Ok(models)
    }
}

impl UnpricedUse {
    fn add(&mut self, other: UnpricedUse) {
        self.requests = self.requests.saturating_add(other.requests);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.teams.extend(other.teams);
    }
}
