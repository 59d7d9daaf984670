//! Laying one price file over what is there.
//!
//! A layer that prices a model goes on top of that model's stack; what remains of the layers below
//! besides their prices are the `match`, the limits and the life where the layer leaves them out.
//! Models and providers a layer adds, and models it gives a `match`, go before the others, the highest
//! kind first and then by id: so files that speak of different models give the same book in whatever
//! order they are laid.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::alias::{Alias, Written};
use crate::book::{ModelLife, ModelLimits, PriceBook};
use crate::check::Reading;
use crate::clause::Clause;
use crate::error::PriceBookError;
use crate::file::{BookFile, ModelFile, ProviderFile};
use crate::layer::{Layer, LayerKind, Source};
use crate::lookup::{Names, Provider, provider_ids};
use crate::model::{Model, PriceLayer, Units};
use crate::multiplier::{MULTIPLIERS_MAX, Multiplier, Multipliers};
use crate::place::Step;

/// Lays a layer over a book. After an error the book is of no use.
pub(crate) fn lay(book: &mut PriceBook, layer: &Arc<Layer>) -> Result<Source, PriceBookError> {
    let text = layer.json.trim_start_matches('\u{feff}');
    let mut file: BookFile = serde_json::from_str(text)
        .map_err(|error| PriceBookError::malformed(&layer.name, text, &error))?;
    Reading { layer, text, file: &file }.check()?;
    let source = Source {
        kind: layer.kind,
        name: layer.name.clone(),
        version: layer.version(),
        note: file.note(),
    };
    let described = std::mem::take(&mut file.providers);
    let multipliers = std::mem::take(&mut file.multipliers);
    let units = Units { file: &file, source: Arc::new(source.clone()) };
    let ids = lay_providers(book, described, &units);
    let reading = Reading { layer, text, file: &file };
    check_fallbacks(book, &reading, &ids)?;
    let written = |position| Written { layer: Arc::clone(layer), position };
    for (position, alias) in file.aliases.iter().enumerate() {
        book.aliases.push(Alias::new(alias, written(position)));
    }
    for (position, multiplier) in multipliers.into_iter().enumerate() {
        let multiplier = Multiplier::new(multiplier, written(position), &units.source);
        book.multipliers.push(Arc::new(multiplier));
    }
    Ok(source)
}

/// Lays the providers of a file; returns their ids in the order of the file.
fn lay_providers(
    book: &mut PriceBook,
    described: Vec<ProviderFile>,
    units: &Units<'_>,
) -> Vec<Box<str>> {
    // Of all earlier files: within one file each provider stands once.
    let known = provider_ids(&book.providers);
    let kind = Some(units.source.kind).filter(|kind| *kind > LayerKind::Embedded);
    let mut ids = Vec::new();
    for entry in described {
        let id = entry.id.trim().to_lowercase();
        let position = known.get(&*id).copied().unwrap_or(book.providers.len());
        if position == book.providers.len() {
            book.providers.push(Provider::new(id.into(), kind));
        }
        if let Some(provider) = book.providers.get_mut(position) {
            provider.lay(entry, units, kind);
            ids.push(provider.id.clone());
        }
    }
    // Stable: the catalog's own order is kept.
    book.providers.sort_by(|a, b| pinned_first((a.pinned, &a.id), (b.pinned, &b.id)));
    book.ids = provider_ids(&book.providers);
    ids
}

/// Every provider whose models are resold is one.
fn check_fallbacks(
    book: &PriceBook,
    reading: &Reading<'_>,
    ids: &[Box<str>],
) -> Result<(), PriceBookError> {
    for (number, id) in ids.iter().enumerate() {
        let provider = book.ids.get(id).and_then(|position| book.providers.get(*position));
        let mut fallback = provider.into_iter().flat_map(|provider| &provider.fallback);
        if let Some(unknown) = fallback.find(|id| !book.ids.contains_key(*id)) {
            let path = [Step::Key("providers"), Step::At(number), Step::Key("fallback")];
            let told = format!(
                "provider `{id}` falls back to `{unknown}`, which is no provider: write the id of one, or add it"
            );
            return Err(reading.error(&path, &told));
        }
    }
    Ok(())
}

/// Gives every provider its aliases and factors, of all layers together.
pub(crate) fn distribute(book: &mut PriceBook) -> Result<(), PriceBookError> {
    for provider in &mut book.providers {
        provider.aliases.clear();
    }
    for alias in &book.aliases {
        let known = book.position_of(&alias.provider);
        let known = known.ok_or_else(|| alias.written.unknown("aliases", &alias.provider))?;
        if let Some(provider) = book.providers.get_mut(known) {
            // Later layers are higher: of each name the highest is tried first.
            provider.aliases.entry(alias.name.clone()).or_default().insert(0, alias.clone());
        }
    }
    let mut factors = vec![Vec::new(); book.providers.len()];
    for multiplier in &book.multipliers {
        let known = match &multiplier.provider {
            None => 0..factors.len(),
            Some(name) => {
                let known = book.position_of(name);
                let unknown = || multiplier.written.unknown("multipliers", name);
                let known = known.ok_or_else(unknown)?;
                known..known + 1
            }
        };
        for own in factors.get_mut(known).into_iter().flatten() {
            if own.len() == MULTIPLIERS_MAX {
                let told = format!(
                    "a provider has more than {MULTIPLIERS_MAX} factors: join those with the same `when` and `factor` by an `or` in `models`"
                );
                return Err(multiplier.written.error(&[Step::Key("multipliers")], &told));
            }
            own.push(Arc::clone(multiplier));
        }
    }
    for (provider, own) in book.providers.iter_mut().zip(factors) {
        provider.multipliers = Multipliers::new(own);
    }
    Ok(())
}

impl Provider {
    fn lay(&mut self, file: ProviderFile, units: &Units<'_>, kind: Option<LayerKind>) {
        self.clause = file.clause.or(self.clause.take());
        self.model_clause = file.model_clause.or(self.model_clause.take());
        if let Some(fallback) = file.fallback {
            self.fallback = fallback.iter().map(|id| id.trim().to_lowercase().into()).collect();
        }
        for entry in file.models {
            let same = |model: &&mut Arc<Model>| model.id.eq_ignore_ascii_case(&entry.id);
            match self.models.iter_mut().find(same) {
                Some(old) => *old = Arc::new(model(entry, units, Some(old), kind)),
                None => self.models.push(Arc::new(model(entry, units, None, kind))),
            }
        }
        self.models.sort_by(|a, b| pinned_first((a.pinned, &a.id), (b.pinned, &b.id)));
        self.names = Names::new(&self.models);
    }
}

/// A model of a file over the one of that id, if there is one.
fn model(
    mut file: ModelFile,
    units: &Units<'_>,
    old: Option<&Arc<Model>>,
    kind: Option<LayerKind>,
) -> Model {
    let limits = old.map(|old| old.limits).unwrap_or_default();
    let life = old.map(|old| old.life.clone()).unwrap_or_default();
    let names_told = file.clause.is_some() || old.is_none();
    let below = old.map(|old| old.stack.clone()).unwrap_or_default();
    let own = PriceLayer::new(&mut file, units).map(Arc::new);
    let kept = || old.map_or_else(|| Clause::equals(&file.id), |old| old.clause.clone());
    Model {
        clause: file.clause.clone().unwrap_or_else(kept),
        limits: ModelLimits {
            context_tokens: file.context_tokens.or(limits.context_tokens),
            output_tokens: file.output_tokens.or(limits.output_tokens),
        },
        life: ModelLife {
            retires: file.retires.map(|moment| moment.0).or(life.retires),
            replacement: file.replacement.or(life.replacement),
        },
        stack: own.into_iter().chain(below).collect(),
        pinned: kind.filter(|_| names_told).or(old.and_then(|old| old.pinned)),
        lower_id: file.id.to_lowercase().into(),
        // As the lowest layer writes it, so that the id does not depend on who spoke last.
        id: old.map_or_else(|| file.id.into(), |old| old.id.clone()),
    }
}

/// Pinned entries first, the highest kind first and then by id, the others as they stand.
fn pinned_first(a: (Option<LayerKind>, &str), b: (Option<LayerKind>, &str)) -> Ordering {
    let by_id = || if a.0.is_some() { a.1.cmp(b.1) } else { Ordering::Equal };
    b.0.cmp(&a.0).then_with(by_id)
}
