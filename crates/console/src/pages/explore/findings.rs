//! The answer to a question, and to the same question about the span before.

use std::collections::HashMap;

use super::form::Question;
use crate::ConsoleState;
use crate::amount::Amount;
use crate::error::ConsoleError;
use crate::explore::{Answer, Condition, Measure, Series};

/// What was found.
pub(super) struct Findings {
    pub(super) answer: Answer,
    before: Option<Before>,
}

/// What the span before comes to, for each series shown.
struct Before {
    of_keys: HashMap<Vec<Option<String>>, Measure>,
    /// No key is missing but those that came to nothing.
    is_complete: bool,
    total: Measure,
}

impl Findings {
    /// Asks the ledger.
    pub(super) async fn of(
        state: &ConsoleState,
        question: &Question,
    ) -> Result<Self, ConsoleError> {
        let answer = state.read(state.sources.explorer.explore(&question.asked)).await?;
        let before = Before::of(state, question, &answer).await?;
        Ok(Self { answer, before })
    }

    /// Nothing was used.
    pub(super) fn is_empty(&self) -> bool {
        self.answer.series.is_empty() && is_nothing(self.answer.total.total)
    }

    /// The series to show: those told apart, or the whole when nothing is.
    pub(super) fn shown(&self) -> Vec<&Series> {
        let answer = &self.answer;
        if answer.total.key.is_empty() && answer.series.iter().all(|series| series.key.is_empty()) {
            return vec![&answer.total];
        }
        answer.series.iter().collect()
    }

    /// What a shown series came to before.
    pub(super) fn before(&self, series: &Series) -> Option<Amount> {
        let before = self.before.as_ref()?;
        let measure = if series.key.is_empty() {
            before.total
        } else {
            let nothing = before.is_complete.then(|| before.total.nothing());
            before.of_keys.get(&series.key).copied().or(nothing)?
        };
        Amount::of(measure)
    }

    /// What everything came to before.
    pub(super) fn total_before(&self) -> Option<Amount> {
        Amount::of(self.before.as_ref()?.total)
    }

    /// What all others came to before: everything without the series shown.
    pub(super) fn others_before(&self) -> Option<Amount> {
        let before = self.before.as_ref().filter(|before| before.is_complete)?;
        let known = self.answer.series.iter().filter_map(|series| before.of_keys.get(&series.key));
        Amount::of(known.fold(before.total, |rest, part| rest.without(*part)))
    }
}

fn is_nothing(measure: Measure) -> bool {
    match measure {
        Measure::Money(usd) => usd.is_zero(),
        Measure::Count(count) => count == 0,
        Measure::PerRequest { requests, .. } => requests == 0,
    }
}

impl Before {
    /// The total of the span before, and what the keys shown came to in it: those are asked for by
    /// name, since what leads now need not have led then.
    async fn of(
        state: &ConsoleState,
        question: &Question,
        answer: &Answer,
    ) -> Result<Option<Self>, ConsoleError> {
        let Some(span) = question.before_span else { return Ok(None) };
        let explorer = &state.sources.explorer;
        let whole = question.about_before(span, Vec::new(), Vec::new());
        let total = state.read(explorer.explore(&whole)).await?.total.total;
        let groups = &question.asked.group_by;
        let (mut of_keys, mut is_complete) = (HashMap::new(), true);
        if !groups.is_empty() && !answer.series.is_empty() {
            let named = groups.iter().enumerate().map(|(i, by)| {
                let mut values: Vec<Option<String>> = Vec::new();
                for value in answer.series.iter().filter_map(|series| series.key.get(i)) {
                    if !values.contains(value) {
                        values.push(value.clone());
                    }
                }
                Condition { by: by.clone(), is_excluded: false, values }
            });
            let asked = question.about_before(span, groups.clone(), named.collect());
            let found = state.read(explorer.explore(&asked)).await?;
            is_complete = found.other.is_none();
            of_keys = found.series.into_iter().map(|series| (series.key, series.total)).collect();
        }
        Ok(Some(Self { of_keys, is_complete, total }))
    }
}
