//! The snapshot: everything the gateway decides from, compiled elsewhere and swapped whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use units::UnixMicros;

use crate::{Budget, Key, KeyHash, OnClientGone, Plan, Route, RouteError, Target};

/// Keys, routes and budgets in force. Immutable; a change is a new snapshot.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Counts up with every change.
    pub version: u64,
    /// Keys by the hash of their secret.
    pub keys: HashMap<KeyHash, Arc<Key>>,
    /// Routes by name.
    pub routes: BTreeMap<String, Arc<Route>>,
    /// Names of the configured providers, for models asked for as `provider/model`.
    pub providers: BTreeSet<String>,
    /// Budgets of every scope.
    pub budgets: Vec<Budget>,
}

impl Snapshot {
    /// The key a secret belongs to, unless it is unknown or has expired.
    pub fn key(&self, hash: &KeyHash, at: UnixMicros) -> Option<&Arc<Key>> {
        self.keys.get(hash).filter(|key| !key.is_expired(at))
    }

    /// Where a request for `model` may go. A route's name comes first, then `provider/model`, which
    /// only keys without a list of routes may use.
    pub fn plan(&self, key: &Key, model: &str) -> Result<Plan, RouteError> {
        if let Some(route) = self.routes.get(model) {
            if !key.allows_route(model) {
                return Err(RouteError::Forbidden(model.to_owned()));
            }
            return Ok(Plan { route: Arc::clone(route), strategy: "ordered" });
        }
        let (provider, name) = model
            .split_once('/')
            .filter(|(provider, name)| self.providers.contains(*provider) && !name.is_empty())
            .ok_or_else(|| RouteError::Unknown(model.chars().take(128).collect()))?;
        if !key.routes.is_empty() {
            return Err(RouteError::Forbidden(model.to_owned()));
        }
        Ok(direct(model.to_owned(), provider, name))
    }

    /// Where a request for whatever a provider offers goes, models or not; `model` may be empty. As for
    /// `provider/model`, only keys without a list of routes may: a provider keeps files and batches of
    /// one account, which all of them share.
    ///
    /// # Errors
    /// There is no such provider, or the key is bound to routes.
    pub fn plan_provider(
        &self,
        key: &Key,
        provider: &str,
        model: &str,
    ) -> Result<Plan, RouteError> {
        if !key.routes.is_empty() {
            return Err(RouteError::ForbiddenProvider(provider.chars().take(128).collect()));
        }
        if !self.providers.contains(provider) {
            return Err(RouteError::UnknownProvider(provider.chars().take(128).collect()));
        }
        Ok(direct(format!("passthrough/{provider}"), provider, model))
    }

    /// Names of the routes a key may use, in alphabetical order.
    pub fn models(&self, key: &Key) -> Vec<&str> {
        self.routes.keys().map(String::as_str).filter(|name| key.allows_route(name)).collect()
    }
}

/// A plan of one target that no route names.
fn direct(name: String, provider: &str, model: &str) -> Plan {
    let target =
        Target { provider: provider.to_owned(), model: model.to_owned(), ttfb_timeout_ms: None };
    let route = Route {
        name,
        targets: vec![target],
        on_client_gone: OnClientGone::default(),
        drop_params: false,
        cache: None,
    };
    Plan { route: Arc::new(route), strategy: "direct" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientFields, hash_secret};
    use units::KeyId;

    fn key(routes: &[&str]) -> Key {
        Key {
            id: KeyId::from_u128(1),
            organisation: "acme".parse().unwrap(),
            team: "search".parse().unwrap(),
            project: None,
            user: None,
            feature: None,
            routes: routes.iter().map(|r| (*r).to_owned()).collect(),
            client_may_set: ClientFields::default(),
            expires_at: Some(UnixMicros::new(100)),
        }
    }

    fn snapshot() -> Snapshot {
        let route = |name: &str| {
            let target = Target {
                provider: "openai".into(),
                model: "gpt-5.4".into(),
                ttfb_timeout_ms: None,
            };
            Arc::new(Route {
                name: name.into(),
                targets: vec![target],
                on_client_gone: OnClientGone::Cancel,
                drop_params: false,
                cache: None,
            })
        };
        Snapshot {
            version: 1,
            keys: HashMap::from([(hash_secret("tg_a"), Arc::new(key(&[])))]),
            routes: ["fast", "smart"].map(|n| (n.to_owned(), route(n))).into(),
            providers: ["openai".to_owned()].into(),
            budgets: Vec::new(),
        }
    }

    #[test]
    fn a_key_is_found_by_the_hash_of_its_secret_until_it_expires() {
        let snapshot = snapshot();
        assert!(snapshot.key(&hash_secret("tg_a"), UnixMicros::new(99)).is_some());
        assert!(snapshot.key(&hash_secret("tg_a"), UnixMicros::new(100)).is_none());
        assert!(snapshot.key(&hash_secret("tg_b"), UnixMicros::new(0)).is_none());
    }

    #[test]
    fn a_route_comes_before_a_provider_and_a_restricted_key_sees_only_its_own() {
        let snapshot = snapshot();
        assert_eq!(snapshot.plan(&key(&[]), "fast").unwrap().strategy, "ordered");
        let direct = snapshot.plan(&key(&[]), "openai/ft:x/1").unwrap();
        assert_eq!(direct.route.targets[0].model, "ft:x/1");
        let restricted = key(&["smart"]);
        assert_eq!(snapshot.models(&restricted), ["smart"]);
        let forbidden = RouteError::Forbidden("fast".into());
        assert_eq!(snapshot.plan(&restricted, "fast"), Err(forbidden));
        assert!(matches!(snapshot.plan(&restricted, "openai/x"), Err(RouteError::Forbidden(_))));
        let passed = snapshot.plan_provider(&key(&[]), "openai", "").unwrap();
        assert_eq!(passed.route.targets[0].provider, "openai");
        let bound = snapshot.plan_provider(&restricted, "openai", "");
        assert_eq!(bound, Err(RouteError::ForbiddenProvider("openai".into())));
        let nobody = snapshot.plan_provider(&key(&[]), "azure", "");
        assert_eq!(nobody, Err(RouteError::UnknownProvider("azure".into())));
        for unknown in ["nope", "azure/x", "openai/", "/x"] {
            let planned = snapshot.plan(&key(&[]), unknown);
            assert!(matches!(planned, Err(RouteError::Unknown(_))), "{unknown}");
        }
    }
}
