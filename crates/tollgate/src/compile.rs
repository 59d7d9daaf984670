//! From configuration and database to what the gateway decides from: providers and snapshot.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use policy::{Budget, ClientFields, Key, KeyHash, OnClientGone, OnTight, OnUnpriced, Route, Scope};
use policy::{Snapshot, Target};
use units::Secret;

use crate::config::{self, Config};

/// The providers of a configuration, with their secrets.
pub fn providers(config: &Config, secrets: &BTreeMap<String, Secret>) -> Vec<gateway::Provider> {
    let provider = |provider: &config::Provider| gateway::Provider {
        name: provider.name.to_string(),
        dialect: provider.dialect,
        base_url: provider.base_url.as_str().to_owned(),
        secret: secrets.get(provider.name.as_str()).cloned(),
        prices: provider.prices.to_string(),
        connections_max: provider.connections_max as usize,
        connect_timeout_ms: provider.connect_timeout_ms,
        ttfb_timeout_ms: provider.ttfb_timeout_ms,
        idle_timeout_ms: provider.idle_timeout_ms,
    };
    config.providers.iter().map(provider).collect()
}

/// The snapshot of a configuration and the keys of the database.
pub fn snapshot(config: &Config, keys: &[store::Key], version: u64) -> Snapshot {
    let declared = config.keys.iter().map(|key| declared_key(config, key));
    let stored = keys.iter().map(stored_key);
    let keys: HashMap<KeyHash, Arc<Key>> =
        declared.chain(stored).map(|(hash, key)| (hash, Arc::new(key))).collect();
    let route = |route: &config::Route| (route.name.clone(), Arc::new(compile_route(route)));
    Snapshot {
        version,
        keys,
        routes: config.routes.iter().map(route).collect(),
        providers: config.providers.iter().map(|provider| provider.name.to_string()).collect(),
        budgets: budgets(config),
    }
}

/// The budgets of a configuration.
pub fn budgets(config: &Config) -> Vec<Budget> {
    let organisation = &config.organisation.slug;
    let budget = |budget: &config::Budget| Budget {
        id: Budget::id_of(organisation, budget.name.as_str()),
        name: budget.name.to_string(),
        organisation: organisation.clone(),
        scope: Scope::Team(budget.team.clone()),
        limit: budget.limit_usd,
        on_tight: match budget.on_tight {
            config::OnTight::Clamp => OnTight::Clamp,
            config::OnTight::Deny => OnTight::Deny,
        },
        on_unpriced: match budget.on_unpriced {
            config::OnUnpriced::Deny => OnUnpriced::Deny,
            config::OnUnpriced::Allow => OnUnpriced::Allow,
        },
    };
    config.budgets.iter().map(budget).collect()
}

fn compile_route(route: &config::Route) -> Route {
    let target = |target: &config::Target| Target {
        provider: target.provider.to_string(),
        model: target.model.clone(),
        ttfb_timeout_ms: target.ttfb_timeout_ms,
    };
    Route {
        name: route.name.clone(),
        targets: route.targets.iter().map(target).collect(),
        on_client_gone: match route.on_client_gone {
            config::OnClientGone::Cancel => OnClientGone::Cancel,
            config::OnClientGone::Drain => OnClientGone::Drain,
        },
        drop_params: route.drop_params,
    }
}

fn declared_key(config: &Config, key: &config::Key) -> (KeyHash, Key) {
    use config::ClientField as Field;
    let may = |field: Field| key.client_may_set.contains(&field);
    let compiled = Key {
        id: key.id(),
        organisation: config.organisation.slug.clone(),
        team: key.team.clone(),
        project: key.project.clone(),
        user: key.user.clone().map(String::from),
        feature: key.feature.clone().map(String::from),
        routes: key.routes.clone(),
        client_may_set: ClientFields {
            user: may(Field::User),
            customer: may(Field::Customer),
            feature: may(Field::Feature),
            session: may(Field::Session),
            tags: may(Field::Tags),
        },
        expires_at: key.expires_at(),
    };
    (*key.hash.bytes(), compiled)
}

fn stored_key(key: &store::Key) -> (KeyHash, Key) {
    use store::ClientField as Field;
    let may = |field: Field| key.access.trust_client_attribution.contains(&field);
    let compiled = Key {
        id: key.id,
        organisation: key.owner.organisation.clone(),
        team: key.owner.team.clone(),
        project: key.owner.project.clone(),
        user: key.owner.user.clone().map(String::from),
        feature: key.owner.feature.clone().map(String::from),
        routes: key.access.allowed_models.clone(),
        client_may_set: ClientFields {
            user: may(Field::User),
            customer: may(Field::Customer),
            feature: may(Field::Feature),
            session: may(Field::Session),
            tags: may(Field::Tags),
        },
        expires_at: key.expires_at,
    };
    (*key.hash.as_bytes(), compiled)
}
