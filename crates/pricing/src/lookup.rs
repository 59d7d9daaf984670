//! From the names a request carries to the model that is billed.
//!
//! A provider is found by its id, else by the first whose `match` clause its name satisfies. A name is
//! first looked for among the provider's aliases. A model is the provider's first whose clause the name
//! satisfies; where none does, the first of the providers it falls back to; where none does, the same
//! again with compact dates written with dashes, and then with the name as the catalog would write it
//! (`rewrite`). Names that clauses spell out are resolved once and kept in a table; only the rest try
//! clauses one by one.
//!
//! A name that is no model's stays without a price: it is never taken for a similar one.

use std::collections::HashMap;
use std::sync::Arc;

use units::UnixMicros;

use crate::alias::{self, Aliases, CHAIN_MAX};
use crate::book::PriceBook;
use crate::clause::{Clause, Subject};
use crate::layer::LayerKind;
use crate::model::Model;
use crate::multiplier::Multipliers;
use crate::name::Name;
use crate::resolution::{Rewrite, Rule};
use crate::rewrite::{Opaque, opaque, rewritten};

/// Most times a name is rewritten: `bedrock/arn:…/us.vendor.model` takes three.
const REWRITES_MAX: usize = 4;

/// A provider with its models in the order they are tried.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) id: Box<str>,
    pub(crate) clause: Option<Clause>,
    pub(crate) model_clause: Option<Clause>,
    pub(crate) fallback: Vec<Box<str>>,
    pub(crate) models: Vec<Arc<Model>>,
    /// The layer above the catalog that added it.
    pub(crate) pinned: Option<LayerKind>,
    pub(crate) names: Names,
    pub(crate) aliases: Aliases,
    pub(crate) multipliers: Multipliers,
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
    /// A provider without a model.
    pub(crate) fn new(id: Box<str>, pinned: Option<LayerKind>) -> Self {
        Self {
            id,
            clause: None,
            model_clause: None,
            fallback: Vec::new(),
            models: Vec::new(),
            pinned,
            names: Names::default(),
            aliases: Aliases::new(),
            multipliers: Multipliers::default(),
        }
    }

    /// Whether its clause is for this name and not only for some name that holds it.
    fn goes_by(&self, name: &str) -> bool {
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase());
        plain(name) && self.clause.as_ref().is_some_and(|clause| clause.matches(name))
    }

    fn own_model(&self, name: &str, wanted: Wanted) -> Option<(&Model, Rule)> {
        let named = self.names.exact.get(name).and_then(|position| self.models.get(*position));
        if let Some(model) = named.filter(|model| wanted.includes(model)) {
            return Some((model, Rule::Name));
        }
        let opaque = opaque(name);
        if matches!(opaque, Opaque::Resource) {
            return None;
        }
        let subject = Subject::new(name);
        let matching = |at: &usize| {
            self.models.get(*at).is_some_and(|model| {
                model.clause.matches_subject(subject)
                    && wanted.includes(model)
                    // A fine-tune is priced by a rule for fine-tunes only: one that matches the name
                    // whatever it begins with has some other product in mind.
                    && !matches!(&opaque, Opaque::FineTune(masked) if model.clause.matches(masked.as_str()))
            })
        };
        // Behind a name whose price begins later any other model may answer to it.
        let position = match named {
            None => self.names.open.iter().copied().find(matching),
            Some(_) => (0..self.models.len()).find(matching),
        };
        Some((self.models.get(position?)?, Rule::Pattern))
    }
}

/// Which models are looked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    at: UnixMicros,
    /// Only those with a price at the instant: before its first price a model of some layer does not
    /// hide the one of a lower layer that answers to the same name.
    is_priced: bool,
}

impl Wanted {
    fn includes(self, model: &Model) -> bool {
        !self.is_priced || model.is_priced_at(self.at)
    }
}

/// What names were resolved to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) model: &'a Model,
    /// The provider whose model it is, where that is another one.
    pub(crate) owner: Option<&'a Provider>,
    pub(crate) rule: Rule,
}

impl PriceBook {
    /// The model billed for the names of a request at an instant.
    pub(crate) fn find(&self, provider: &str, model: &str, at: UnixMicros) -> Option<Found<'_>> {
        let provider = self.providers.get(self.position_of(provider)?)?;
        let find = |is_priced| {
            let wanted = Wanted { at, is_priced };
            self.find_called(provider, Name::lowered(model)?, wanted, CHAIN_MAX)
        };
        find(true).or_else(|| find(false))
    }

    /// The position of the provider known by a name.
    pub(crate) fn position_of(&self, name: &str) -> Option<usize> {
        let name = Name::lowered(name)?;
        let name = name.as_str();
        let by_clause = || {
            let known_as = |p: &Provider| p.clause.as_ref().is_some_and(|c| c.matches(name));
            self.providers.iter().position(known_as)
        };
        self.ids.get(name).copied().or_else(by_clause)
    }

    /// The model of a name in lower case, in all the ways it may be written.
    fn find_called<'a>(
        &'a self,
        provider: &'a Provider,
        mut name: Name,
        wanted: Wanted,
        aliases_left: usize,
    ) -> Option<Found<'a>> {
        let mut rewrite: Option<Rewrite> = None;
        for _ in 0..=REWRITES_MAX {
            let mut found = self.find_name(provider, name.as_str(), wanted, aliases_left);
            if found.is_none()
                && let Some(dashed) = name.with_dashed_dates()
            {
                found = self.find_name(provider, dashed.as_str(), wanted, aliases_left);
                rewrite = rewrite.or(found.map(|_| Rewrite::Date));
            }
            if let Some(found) = found {
                let rule = rewrite.map_or(found.rule, |how| found.rule.or_rewritten(how));
                return Some(Found { rule, ..found });
            }
            // By a name that is spelled out: a pattern may match much more than the provider's own.
            let is_own = |prefix: &str| {
                let position = self.ids.get(prefix).and_then(|at| self.providers.get(*at));
                position.is_some_and(|known| known.id == provider.id) || provider.goes_by(prefix)
            };
            let (next, how) = rewritten(name.as_str(), is_own)?;
            (name, rewrite) = (next, rewrite.or(Some(how)));
        }
        None
    }

    fn find_name<'a>(
        &'a self,
        provider: &'a Provider,
        name: &str,
        wanted: Wanted,
        aliases_left: usize,
    ) -> Option<Found<'a>> {
        if !provider.aliases.is_empty()
            && let Some(meant) = alias::in_force(&provider.aliases, name, wanted.at)
        {
            let left = aliases_left.checked_sub(1)?;
            let found = self.find_called(provider, Name::lowered(meant)?, wanted, left)?;
            return Some(Found { rule: Rule::Alias, ..found });
        }
        if let Some((model, rule)) = provider.own_model(name, wanted) {
            return Some(Found { provider, model, owner: None, rule });
        }
        provider.fallback.iter().find_map(|id| {
            let owner = self.providers.get(*self.ids.get(id)?)?;
            let (model, rule) = owner.own_model(name, wanted)?;
            Some(Found { provider, model, owner: Some(owner), rule })
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
