//! What a run saw and changed, summed up from its parts.

use std::collections::BTreeMap;

use units::Usd;

use super::Amounts;

/// What a run came to. Of a dry run: what it would have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rerated {
    /// Rows that were priced anew.
    pub rows_seen: u64,
    /// Rows whose cost was changed, each by at most one retraction and one restatement.
    pub restated: u64,
    /// Rows whose cost is still unknown.
    pub unpriced: u64,
    /// Rows that have a cost and would have none by these prices: left as they are.
    pub kept: u64,
    /// What the sum of billed cost changed by, USD.
    pub delta: Usd,
    /// By provider and model, those with changes, by name.
    pub by_model: Vec<ModelRerated>,
    /// Commits made.
    pub commits: u64,
}

/// What changed of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRerated {
    /// Provider.
    pub provider: String,
    /// Model as sent to the provider.
    pub model: String,
    /// Rows whose cost was changed.
    pub restated: u64,
    /// Those of them whose cost was unknown.
    pub newly_priced: u64,
    /// Their billed cost so far, USD; unknown counts as nothing.
    pub before: Usd,
    /// Their billed cost now, USD.
    pub after: Usd,
}

/// Sums of a part of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) seen: u64,
    pub(super) unpriced: u64,
    pub(super) kept: u64,
    models: BTreeMap<(String, String), Changes>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Changes {
    restated: u64,
    newly_priced: u64,
    before: Usd,
    after: Usd,
}

impl Tally {
    /// Counts a row whose cost changes.
    pub(super) fn change(&mut self, model: (&str, &str), before: Option<Usd>, now: &Amounts) {
        let changes = match self.models.iter_mut().find(|((p, m), _)| (&**p, &**m) == model) {
            Some((_, changes)) => changes,
            None => self.models.entry((model.0.to_owned(), model.1.to_owned())).or_default(),
        };
        changes.add(Changes {
            restated: 1,
            newly_priced: u64::from(before.is_none()),
            before: before.unwrap_or(Usd::ZERO),
            after: now.billed,
        });
    }

    /// Adds another part.
    pub(super) fn add(&mut self, other: Tally) {
        self.seen = self.seen.saturating_add(other.seen);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.kept = self.kept.saturating_add(other.kept);
        for (model, changes) in other.models {
            self.models.entry(model).or_default().add(changes);
        }
    }

    /// The whole, after so many commits.
    pub(super) fn finish(self, commits: u64) -> Rerated {
        let by_model: Vec<ModelRerated> = self
            .models
            .into_iter()
            .map(|((provider, model), changes)| ModelRerated {
                provider,
                model,
                restated: changes.restated,
                newly_priced: changes.newly_priced,
                before: changes.before,
                after: changes.after,
            })
            .collect();
        Rerated {
            rows_seen: self.seen,
            restated: by_model.iter().map(|model| model.restated).sum(),
            unpriced: self.unpriced,
            kept: self.kept,
            delta: by_model.iter().map(|model| model.after - model.before).sum(),
            by_model,
            commits,
        }
    }
}

impl Changes {
    fn add(&mut self, other: Changes) {
        self.restated = self.restated.saturating_add(other.restated);
        self.newly_priced = self.newly_priced.saturating_add(other.newly_priced);
        self.before += other.before;
        self.after += other.after;
    }
}
