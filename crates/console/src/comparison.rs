//! What traffic would have cost elsewhere: asked and answered alike for the page, its file and the API.
//!
//! It must never know forms, pages or JSON.

use std::collections::{BTreeMap, BTreeSet};

use finops::{
    Alternative, Caching, Repricing, TIERS_MAX, Tokenizers, WhatIf, WhatIfLine, model_named,
    tier_starts, tier_starts_of, what_if,
};
use lake::WhatIfGroup;
use pricing::{ModelEntry, PriceBook};
use units::{Slug, UnixMicros};

use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::explore::{Condition, Span};
use crate::ledger::LedgerError;
use crate::prices::{PriceDesk, TrafficAsked};

/// Most models compared at once: each may need a reading of its own.
pub(crate) const MODELS_MAX: usize = 4;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct CompareAsked {
    pub(crate) span: Span,
    pub(crate) team: Option<Slug>,
    pub(crate) conditions: Vec<Condition>,
    /// Models as people write them; without any each call stays where it was.
    pub(crate) models: Vec<String>,
    pub(crate) terms: Terms,
}

/// On which terms; what is `None` is as recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) tier: Option<String>,
    pub(crate) processing: Option<String>,
    /// Share of text input read from a cache, per cent; 0 is nothing cached.
    pub(crate) cached: Option<u8>,
}

/// The answer.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The version of the prices.
    pub(crate) version: String,
    /// Instant whose prices were used.
    pub(crate) at: UnixMicros,
    pub(crate) alternatives: Vec<Compared>,
}

/// One alternative.
#[derive(Debug)]
pub(crate) struct Compared {
    /// `openai/gpt-5.4, batch`.
    pub(crate) title: String,
    /// Provider and model in the price book; `None` where calls stay where they were.
    pub(crate) model: Option<(String, String)>,
    pub(crate) answer: WhatIf,
}

impl Comparison {
    /// What was billed and used, the same for every alternative.
    pub(crate) fn recorded(&self) -> Option<&WhatIfLine> {
        self.alternatives.first().map(|compared| &compared.answer.total)
    }
}

impl Terms {
    /// Whether anything differs from what was recorded.
    pub(crate) fn is_any(&self) -> bool {
        *self != Self::default()
    }

    fn caching(&self) -> Caching {
        let share = |per_cent: u8| Caching::Share {
            read_per_mille: u16::from(per_cent.min(100)) * 10,
            written_per_mille: 0,
        };
        match self.cached {
            None => Caching::AsRecorded,
            Some(0) => Caching::Nothing,
            Some(per_cent) => share(per_cent),
        }
    }

    fn words(&self) -> Vec<String> {
        let cached = self.cached.map(|per_cent| match per_cent {
            0 => "nothing cached".to_owned(),
            per_cent => format!("{per_cent}% of input cached"),
        });
        let tier = self.tier.as_ref().map(|tier| format!("{tier} tier"));
        [tier, self.processing.clone(), cached].into_iter().flatten().collect()
    }
}

/// Works it out. Models that are not known, and a question without any alternative, are refused.
pub(crate) async fn compare(
    state: &ConsoleState,
    asked: &CompareAsked,
) -> Result<Comparison, ConsoleError> {
    let desk = state.prices()?;
    let book = desk.book();
    let wanted = wanted(&book, asked)?;
    let last = UnixMicros::new(asked.span.to.get().saturating_sub(1));
    let at = last.min(state.now());
    let mut starts = Vec::with_capacity(wanted.len());
    for model in &wanted {
        starts.push(match model {
            Some(model) => tier_starts(model),
            None => starts_of_traffic(state, asked, &book).await?,
        });
    }
    let all: BTreeSet<u64> = starts.iter().flatten().copied().collect();
    let shared = (all.len() <= TIERS_MAX).then(|| all.into_iter().collect::<Vec<u64>>());
    let tokenizers = tokenizers()?;
    let mut readings: BTreeMap<Vec<u64>, Vec<WhatIfGroup>> = BTreeMap::new();
    let mut alternatives = Vec::with_capacity(wanted.len());
    for (model, own) in wanted.iter().zip(starts) {
        let sizes = shared.clone().unwrap_or(own);
        if !readings.contains_key(&sizes) {
            let groups = state.read(desk.traffic(&asked.traffic(sizes.clone()))).await?;
            readings.insert(sizes.clone(), groups);
        }
        let groups = readings.get(&sizes).map(Vec::as_slice).unwrap_or_default();
        let repricing = Repricing {
            book: &book,
            at,
            model: *model,
            tier: asked.terms.tier.as_deref(),
            processing: asked.terms.processing.as_deref(),
        };
        let alternative = Alternative {
            model: model.map(|model| model.id().to_owned()),
            caching: asked.terms.caching(),
            tiers: sizes.clone(),
        };
        alternatives.push(Compared {
            title: title(model.as_ref(), &asked.terms),
            model: model.map(|model| (model.provider_id().to_owned(), model.id().to_owned())),
            answer: priced(groups, &alternative, &tokenizers, (&repricing, desk)),
        });
    }
    Ok(Comparison { version: book.version().to_owned(), at, alternatives })
}

impl CompareAsked {
    fn traffic(&self, sizes: Vec<u64>) -> TrafficAsked {
        TrafficAsked {
            span: self.span,
            team: self.team.clone(),
            conditions: self.conditions.clone(),
            sizes,
        }
    }
}

/// What groups come to, each by who bills for it.
pub(crate) fn priced(
    groups: &[WhatIfGroup],
    alternative: &Alternative,
    tokenizers: &Tokenizers,
    (repricing, desk): (&Repricing<'_>, &dyn PriceDesk),
) -> WhatIf {
    let mut names: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for provider in groups.iter().filter_map(|group| group.provider.as_deref()) {
        names.entry(provider).or_insert_with(|| desk.billed_as(provider));
    }
    what_if(groups, alternative, tokenizers, |group, bill| {
        let own = group.provider.as_deref().unwrap_or_default();
        let billed_as = names.get(own).and_then(Option::as_deref).unwrap_or(own);
        repricing.price(group, bill, billed_as)
    })
}

/// The table of vocabularies.
pub(crate) fn tokenizers() -> Result<Tokenizers, ConsoleError> {
    let failed = |error: finops::TokenizersError| LedgerError::Failed(error.to_string());
    Tokenizers::embedded().map_err(|error| ConsoleError::Ledger(failed(error)))
}

/// The models asked for, `None` once for calls that stay where they were.
fn wanted<'b>(
    book: &'b PriceBook,
    asked: &CompareAsked,
) -> Result<Vec<Option<ModelEntry<'b>>>, ConsoleError> {
    let refused = |problem: String| Err(ConsoleError::Ledger(LedgerError::Refused(problem)));
    if asked.models.len() > MODELS_MAX {
        return refused(format!("At most {MODELS_MAX} models are compared at once."));
    }
    if asked.models.is_empty() {
        if asked.terms.is_any() {
            return Ok(vec![None]);
        }
        let what =
            "Name a model to compare with, or choose a tier, a way of processing or caching.";
        return refused(what.to_owned());
    }
    let mut models: Vec<Option<ModelEntry<'b>>> = Vec::new();
    for name in &asked.models {
        let Some(model) = model_named(book, name) else {
            let name: String = name.chars().take(64).collect();
            return refused(format!(
                "The price book knows no model “{name}”: the page of prices lists those it knows."
            ));
        };
        let is_there = |other: &&ModelEntry<'_>| {
            (other.provider_id(), other.id()) == (model.provider_id(), model.id())
        };
        if !models.iter().flatten().any(|other| is_there(&other)) {
            models.push(Some(model));
        }
    }
    Ok(models)
}

/// The sizes at which the models of the traffic change price.
async fn starts_of_traffic(
    state: &ConsoleState,
    asked: &CompareAsked,
    book: &PriceBook,
) -> Result<Vec<u64>, ConsoleError> {
    let desk = state.prices()?;
    let used = state.read(desk.models_used(asked.span, asked.team.as_ref())).await?;
    let entry = |used: &lake::ModelUsed| {
        let own = used.provider.as_deref()?;
        let billed_as = desk.billed_as(own);
        book.model(billed_as.as_deref().unwrap_or(own), used.model.as_deref()?)
    };
    Ok(tier_starts_of(used.iter().filter_map(entry)))
}

fn title(model: Option<&ModelEntry<'_>>, terms: &Terms) -> String {
    let model = model.map_or_else(
        || "As routed".to_owned(),
        |model| format!("{}/{}", model.provider_id(), model.id()),
    );
    std::iter::once(model).chain(terms.words()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_told_in_words_and_shares_in_thousandths() {
        let none = Terms::default();
        assert!(!none.is_any() && none.caching() == Caching::AsRecorded);
        let terms = Terms {
            tier: Some("flex".to_owned()),
            processing: Some("batch".to_owned()),
            cached: Some(50),
        };
        assert_eq!(title(None, &terms), "As routed, flex tier, batch, 50% of input cached");
        let share = Caching::Share { read_per_mille: 500, written_per_mille: 0 };
        assert_eq!(terms.caching(), share);
        assert_eq!(Terms { cached: Some(0), ..none }.caching(), Caching::Nothing);
    }
}
