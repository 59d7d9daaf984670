//! Which accounts a request counts towards: one lookup for each kind of scope, whatever the number of
//! budgets, and no allocation.

use std::collections::HashMap;

use units::KeyId;

use crate::{Budget, Scope, Spender};

/// Accounts by scope; the numbers are positions in the list the index was made of.
#[derive(Debug, Default)]
pub(super) struct Index {
    organisation: Vec<usize>,
    teams: Names,
    projects: Names,
    keys: HashMap<KeyId, Vec<usize>>,
    users: Names,
    customers: Names,
    models: Names,
}

type Names = HashMap<String, Vec<usize>>;

impl Index {
    /// The index of a list of budgets.
    pub(super) fn of(budgets: &[Budget]) -> Self {
        let mut index = Self::default();
        for (at, budget) in budgets.iter().enumerate() {
            let list = match &budget.scope {
                Scope::Organisation => &mut index.organisation,
                Scope::Key(id) => index.keys.entry(*id).or_default(),
                Scope::Team(slug) => index.teams.entry(slug.to_string()).or_default(),
                Scope::Project(slug) => index.projects.entry(slug.to_string()).or_default(),
                Scope::User(name) => index.users.entry(name.clone()).or_default(),
                Scope::Customer(name) => index.customers.entry(name.clone()).or_default(),
                Scope::Model(name) => index.models.entry(name.clone()).or_default(),
            };
            list.push(at);
        }
        index
    }

    /// The positions of every budget that covers a spender.
    pub(super) fn covering<'a>(
        &'a self,
        spender: &Spender<'a>,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let named = |names: &'a Names, name: Option<&str>| {
            name.filter(|_| !names.is_empty()).and_then(|name| names.get(name))
        };
        let key = if self.keys.is_empty() { None } else { self.keys.get(&spender.key) };
        let lists = [
            Some(&self.organisation),
            named(&self.teams, Some(spender.team.as_str())),
            named(&self.projects, spender.project.map(units::Slug::as_str)),
            key,
            named(&self.users, spender.user),
            named(&self.customers, spender.customer),
            named(&self.models, Some(spender.model)),
        ];
        lists.into_iter().flatten().flatten().copied()
    }
}
