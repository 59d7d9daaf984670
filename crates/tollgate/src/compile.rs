//! From configuration and database to what a gateway decides from: the snapshot document.

use console::{Declared, DeclaredKey};
use policy::{
    Budget, CachePolicy, ClientFields, KeyEntry, OnClientGone, OnTight, OnUnpriced, ProviderEntry,
    Route, SnapshotDocument, Target, WhenAlone,
};
use units::{CalendarWindow, UnixMicros, Usd};

use crate::config::{self, Config};
use crate::prices::Laid;

/// The snapshot of a configuration, the keys of the database, and what lies over the catalog of prices.
pub fn document(
    config: &Config,
    keys: &[store::Key],
    prices: &Laid,
    compiled_at: UnixMicros,
) -> SnapshotDocument {
    let declared = config.keys.iter().map(|key| declared_key(config, key));
    let stored = keys.iter().map(stored_key);
    SnapshotDocument {
        format: policy::SNAPSHOT_FORMAT,
        version: 1,
        compiled_at,
        organisation: config.organisation.slug.clone(),
        zone: config.organisation.time_zone.billing().name().to_owned(),
        keys: declared.chain(stored).collect(),
        routes: config.routes.iter().map(route).collect(),
        providers: config.providers.iter().map(provider).collect(),
        budgets: budgets(config),
        prices: prices.file.as_ref().map(|file| file.json.clone()),
        price_layers: Some(prices.layers()),
    }
}

/// The budgets of a configuration.
pub fn budgets(config: &Config) -> Vec<Budget> {
    let organisation = &config.organisation.slug;
    let budget = |budget: &config::Budget| Budget {
        id: Budget::id_of(organisation, budget.name.as_str()),
        name: budget.name.to_string(),
        organisation: organisation.clone(),
        scope: budget.scope(),
        window: match budget.window {
            config::Window::Day => CalendarWindow::Day,
            config::Window::Week => CalendarWindow::Week,
            config::Window::Month => CalendarWindow::Month,
            config::Window::Quarter => CalendarWindow::Quarter,
            config::Window::Year => CalendarWindow::Year,
        },
        limit: budget.limit_usd,
        on_tight: match budget.on_tight {
            config::OnTight::Clamp => OnTight::Clamp,
            config::OnTight::Deny => OnTight::Deny,
        },
        on_unpriced: match budget.on_unpriced {
            config::OnUnpriced::Deny => OnUnpriced::Deny,
            config::OnUnpriced::Allow => OnUnpriced::Allow,
        },
        when_alone: match budget.when_alone {
            config::WhenAlone::Refuse => WhenAlone::Refuse,
            config::WhenAlone::Spend => {
                WhenAlone::Spend { exposure: budget.exposure_usd.unwrap_or(Usd::ZERO) }
            }
        },
    };
    config.budgets.iter().map(budget).collect()
}

/// What the file declares, as the console's pages show it.
pub fn declared(config: &Config) -> Declared {
    let key = |key: &config::Key| DeclaredKey {
        id: key.id(),
        name: key.name.to_string(),
        team: key.team.clone(),
        project: key.project.as_ref().map(ToString::to_string),
        user: key.user.as_ref().map(ToString::to_string),
        feature: key.feature.as_ref().map(ToString::to_string),
        routes: key.routes.clone(),
        expires_at: key.expires_at(),
    };
    Declared {
        organisation: config.organisation.slug.clone(),
        teams: config.teams.iter().map(|team| team.slug.clone()).collect(),
        routes: config.routes.iter().map(|route| route.name.clone()).collect(),
        keys: config.keys.iter().map(key).collect(),
    }
}

fn provider(provider: &config::Provider) -> ProviderEntry {
    ProviderEntry {
        name: provider.name.to_string(),
        dialect: provider.dialect,
        base_url: provider.base_url.as_str().to_owned(),
        secret: provider.api_key.as_ref().map(ToString::to_string),
        prices: provider.prices.to_string(),
        connections_max: provider.connections_max,
        connect_timeout_ms: provider.connect_timeout_ms,
        ttfb_timeout_ms: provider.ttfb_timeout_ms,
        idle_timeout_ms: provider.idle_timeout_ms,
    }
}

fn route(route: &config::Route) -> Route {
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
        cache: route.cache_ttl_s.map(|ttl_s| CachePolicy { ttl_ms: u64::from(ttl_s) * 1_000 }),
    }
}

fn declared_key(config: &Config, key: &config::Key) -> KeyEntry {
    use config::ClientField as Field;
    let may = |field: Field| key.client_may_set.contains(&field);
    KeyEntry {
        hash: *key.hash.bytes(),
        key: policy::Key {
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
        },
    }
}

fn stored_key(key: &store::Key) -> KeyEntry {
    use store::ClientField as Field;
    let may = |field: Field| key.access.trust_client_attribution.contains(&field);
    KeyEntry {
        hash: *key.hash.as_bytes(),
        key: policy::Key {
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
        },
    }
}
