//! From the names a request carries to the model that is billed.
//!
//! A provider is found by its id, else by the first whose `match` clause its name satisfies. A model is
//! the provider's first whose clause the name satisfies; where none does, the first of the providers it
//! falls back to; where none does, the same again with compact dates written with dashes. Names that
//! clauses spell out are resolved once and kept in a table; only the rest try clauses one by one.

use std::collections::HashMap;
use std::sync::Arc;

use crate::book::PriceBook;
use crate::clause::Clause;
use crate::model::Model;
use crate::name::Name;

/// A provider with its models in the order they are tried.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) id: Box<str>,
    pub(crate) clause: Option<Clause>,
    pub(crate) model_clause: Option<Clause>,
    pub(crate) fallback: Vec<Box<str>>,
    pub(crate) models: Vec<Arc<Model>>,
    /// Whether a file of the operator added it.
    pub(crate) pinned: bool,
    pub(crate) names: Names,
}

/// The models of one provider by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Position of the model each spelled-out name resolves to.
    exact: HashMap<Box<str>, usize>,
    /// Positions of the models that match more than spelled-out names.
    open: Vec<usize>,
}

impl Names {
    /// The table of a provider's models.
    pub(crate) fn new(models: &[Arc<Model>]) -> Self {
        let mut names = Self::default();
        for (position, model) in models.iter().enumerate() {
            if !model.clause.note_names(position, &mut names.exact) {
                names.open.push(position);
            }
        }
        // An earlier model whose clause is open takes the name, as trying them in order would.
        for (name, position) in &mut names.exact {
            let earlier = names.open.iter().take_while(|open| **open < *position);
            *position = earlier
                .copied()
                .find(|open| models.get(*open).is_some_and(|model| model.clause.matches(name)))
                .unwrap_or(*position);
        }
        names
    }
}

impl Provider {
    fn own_model(&self, name: &str) -> Option<&Model> {
        let open = || {
            let matching =
                |at: &&usize| self.models.get(**at).is_some_and(|m| m.clause.matches(name));
            self.names.open.iter().find(matching).copied()
        };
        let position = self.names.exact.get(name).copied().or_else(open)?;
        self.models.get(position).map(|model| &**model)
    }
}

/// What names were resolved to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) model: &'a Model,
    /// Whether the model is the provider's own, not one it falls back to.
    pub(crate) own: bool,
}

impl PriceBook {
    /// The model billed for the names of a request.
    pub(crate) fn find(&self, provider: &str, model: &str) -> Option<Found<'_>> {
        let provider = self.find_provider(Name::lowered(provider)?.as_str())?;
        let name = Name::lowered(model)?;
        self.find_model(provider, name.as_str()).or_else(|| {
            let dashed = name.with_dashed_dates()?;
            self.find_model(provider, dashed.as_str())
        })
    }

    fn find_provider(&self, name: &str) -> Option<&Provider> {
        let by_clause = || {
            let known_as = |p: &&Provider| p.clause.as_ref().is_some_and(|c| c.matches(name));
            self.providers.iter().find(known_as)
        };
        match self.ids.get(name) {
            Some(position) => self.providers.get(*position),
            None => by_clause(),
        }
    }

    fn find_model<'a>(&'a self, provider: &'a Provider, name: &str) -> Option<Found<'a>> {
        if let Some(model) = provider.own_model(name) {
            return Some(Found { provider, model, own: true });
        }
        provider.fallback.iter().find_map(|id| {
            let model = self.providers.get(*self.ids.get(id)?)?.own_model(name)?;
            Some(Found { provider, model, own: false })
        })
    }

    /// The id of the provider whose models are called like this, for usage that names no provider.
    pub fn provider_of(&self, model: &str) -> Option<&str> {
        let name = Name::lowered(model)?;
        let named =
            |p: &&Provider| p.model_clause.as_ref().is_some_and(|c| c.matches(name.as_str()));
        self.providers.iter().find(named).map(|provider| &*provider.id)
    }
}

/// Providers by id, and by the other names their clauses spell out.
pub(crate) fn provider_ids(providers: &[Provider]) -> HashMap<Box<str>, usize> {
    let mut spelled = HashMap::new();
    for (position, provider) in providers.iter().enumerate() {
        if let Some(clause) = &provider.clause {
            clause.note_names(position, &mut spelled);
        }
    }
    // A name two clauses could claim goes to the first provider whose clause it satisfies.
    spelled.retain(|name, position| {
        let mut earlier = providers.iter().take(*position);
        !earlier.any(|p| p.clause.as_ref().is_some_and(|clause| clause.matches(name)))
    });
    spelled.extend(providers.iter().enumerate().map(|(position, p)| (p.id.clone(), position)));
    spelled
}
