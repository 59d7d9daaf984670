//! Laying one price file over another.
//!
//! A model of a file replaces the model of that id whole: what remains of the older one are its `match`
//! and its limits where the file leaves them out, never a price. Models and providers a file adds, and
//! models it gives a `match`, go before the others, sorted by id: so files that speak of different
//! models give the same book in whatever order they are laid.

use std::sync::Arc;

use crate::book::ModelLimits;
use crate::clause::Clause;
use crate::file::{BookFile, ModelFile, ProviderFile};
use crate::lookup::{Names, Provider, provider_ids};
use crate::model::{Model, Sheet, Units};

/// Lays a file over the providers. `pinned`: the file is an operator's, not the catalog itself.
pub(crate) fn lay(providers: &mut Vec<Provider>, mut file: BookFile, pinned: bool) {
    let described = std::mem::take(&mut file.providers);
    let units = Units(&file);
    // Of all earlier files: within one file each provider stands once.
    let known = provider_ids(providers);
    for entry in described {
        let id = entry.id.trim().to_lowercase();
        let position = known.get(&*id).copied().unwrap_or(providers.len());
        if position == providers.len() {
            providers.push(Provider {
                id: id.into(),
                clause: None,
                model_clause: None,
                fallback: Vec::new(),
                models: Vec::new(),
                pinned,
                names: Names::default(),
            });
        }
        if let Some(provider) = providers.get_mut(position) {
            provider.lay(entry, &units, pinned);
        }
    }
    // Stable: the catalog's own order is kept.
    providers.sort_by(|a, b| sorted_when_pinned((a.pinned, &a.id), (b.pinned, &b.id)));
}

impl Provider {
    fn lay(&mut self, file: ProviderFile, units: &Units<'_>, pinned: bool) {
        self.clause = file.clause.or(self.clause.take());
        self.model_clause = file.model_clause.or(self.model_clause.take());
        if let Some(fallback) = file.fallback {
            self.fallback = fallback.iter().map(|id| id.trim().to_lowercase().into()).collect();
        }
        for entry in file.models {
            // The catalog names each model once: only an operator's file can find one to replace.
            let same = |model: &&mut Arc<Model>| pinned && model.id.eq_ignore_ascii_case(&entry.id);
            match self.models.iter_mut().find(same) {
                Some(old) => *old = Arc::new(model(entry, units, Some(old), pinned)),
                None => self.models.push(Arc::new(model(entry, units, None, pinned))),
            }
        }
        self.models.sort_by(|a, b| sorted_when_pinned((a.pinned, &a.id), (b.pinned, &b.id)));
        self.names = Names::new(&self.models);
    }
}

/// A model of a file over the one of that id, if there is one.
fn model(file: ModelFile, units: &Units<'_>, old: Option<&Arc<Model>>, pinned: bool) -> Model {
    let limits = old.map(|old| old.limits).unwrap_or_default();
    let names_told = file.clause.is_some() || old.is_none_or(|old| old.pinned);
    let kept = || old.map_or_else(|| Clause::equals(&file.id), |old| old.clause.clone());
    Model {
        clause: file.clause.unwrap_or_else(kept),
        limits: ModelLimits {
            context_tokens: file.context_tokens.or(limits.context_tokens),
            output_tokens: file.output_tokens.or(limits.output_tokens),
        },
        sheets: file.prices.into_iter().map(|sheet| Sheet::new(sheet.0, units)).collect(),
        variants: file.variants.into_iter().map(|sheet| Sheet::new(sheet.0, units)).collect(),
        minimum: file.minimum.into_iter().collect(),
        id: file.id.into(),
        pinned: pinned && names_told,
    }
}

/// Pinned entries first and by id, the others as they stand.
fn sorted_when_pinned(a: (bool, &str), b: (bool, &str)) -> std::cmp::Ordering {
    b.0.cmp(&a.0).then_with(|| if a.0 { a.1.cmp(b.1) } else { std::cmp::Ordering::Equal })
}
