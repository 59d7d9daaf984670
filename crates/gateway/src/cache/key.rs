//! What makes two requests equal: one tenant, one namespace, one route as it stands, one wire
//! format, and a body that differs only in what does not change the answer.
//!
//! Values are compared as they are spelled: nothing is taken for equal that a provider might tell
//! apart. The order of the body's own members does not count.

use std::borrow::Cow;
use std::fmt;

use events::Dialect;
use policy::{Key, Route};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// Members that say who asks and how to account for it, never what to answer. The model is the
/// route's, and whether it streams is compared apart.
const UNCOMPARED: [&str; 7] =
    ["cache", "metadata", "model", "safety_identifier", "session_id", "stream", "user"];

/// blake3 of everything two equal requests share.
pub(super) type CacheKey = [u8; 32];

/// What a request is compared by.
pub(super) struct Compared<'a> {
    pub(super) key: &'a Key,
    pub(super) namespace: &'a str,
    pub(super) route: &'a Route,
    pub(super) dialect: Dialect,
    pub(super) is_stream: bool,
    pub(super) body: &'a [u8],
}

impl Compared<'_> {
    /// `None` when the body is no JSON object.
    pub(super) fn key(&self) -> Option<CacheKey> {
        let Members(mut members) = serde_json::from_slice(self.body).ok()?;
        members.retain(|(name, _)| !UNCOMPARED.contains(&name.as_ref()));
        // Stable: a member that is there twice keeps its order.
        members.sort_by(|one, other| one.0.cmp(&other.0));
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &str| {
            // With its length, so that no two lists of parts read alike.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        };
        let Key { organisation, team, .. } = self.key;
        add(organisation.as_str());
        add(team.as_str());
        add(self.namespace);
        add(self.dialect.as_str());
        add(if self.is_stream { "stream" } else { "plain" });
        add(&self.route.name);
        add(if self.route.drop_params { "drop" } else { "refuse" });
        // A route that leads elsewhere by now gives other answers.
        add(&self.route.targets.len().to_string());
        for target in &self.route.targets {
            add(&target.provider);
            add(&target.model);
        }
        for (name, value) in &members {
            add(name);
            add(value.get());
        }
        Some(hasher.finalize().into())
    }
}

/// The members of an object in their order, values as spelled.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) =
                    map.next_entry::<Name<'de>, &'de RawValue>()?
                {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{ClientFields, OnClientGone};
    use units::KeyId;

    fn key_of(team: &str) -> Key {
        Key {
            id: KeyId::from_u128(1),
            organisation: "acme".parse().unwrap(),
            team: team.parse().unwrap(),
            project: None,
            user: None,
            feature: None,
            routes: Vec::new(),
            client_may_set: ClientFields::default(),
            expires_at: None,
        }
    }

    fn cache_key(team: &str, namespace: &str, is_stream: bool, body: &str) -> Option<CacheKey> {
        let route = Route {
            name: "fast".to_owned(),
            targets: Vec::new(),
            on_client_gone: OnClientGone::Cancel,
            drop_params: false,
            cache: None,
        };
        let compared = Compared {
            key: &key_of(team),
            namespace,
            route: &route,
            dialect: Dialect::OpenaiChat,
            is_stream,
            body: body.as_bytes(),
        };
        compared.key()
    }

    const BODY: &str = r#"{"model":"m","messages":[1],"temperature":0}"#;

    #[test]
    fn who_asks_and_in_what_order_does_not_change_the_answer() {
        let key = cache_key("search", "", false, BODY);
        assert!(key.is_some());
        for equal in [
            r#"{"temperature":0,"messages":[1],"model":"m"}"#,
            r#"{"model":"m", "messages":[1] ,"temperature":0,"user":"u","metadata":{"a":"b"}}"#,
            r#"{"model":"m","stream":false,"messages":[1],"temperature":0,"cache":{"ttl":1}}"#,
            r#"{"\u006dodel":"m","messages":[1],"temperature":0,"session_id":"s"}"#,
        ] {
            assert_eq!(cache_key("search", "", false, equal), key, "{equal}");
        }
    }

    #[test]
    fn whatever_may_change_the_answer_makes_another_key() {
        let key = cache_key("search", "", false, BODY);
        for other in [
            r#"{"model":"m","messages":[2],"temperature":0}"#,
            r#"{"model":"m","messages":[1],"temperature":0.0}"#,
            r#"{"model":"m","messages":[1],"temperature":0,"seed":1}"#,
            r#"{"model":"m","messages":[1],"temperature":1,"temperature":0}"#,
            r#"{"model":"m","messages":[1],"temperature":0,"stream_options":{"include_usage":true}}"#,
        ] {
            assert_ne!(cache_key("search", "", false, other), key, "{other}");
        }
        assert_ne!(cache_key("ads", "", false, BODY), key);
        assert_ne!(cache_key("search", "n", false, BODY), key);
        assert_ne!(cache_key("search", "", true, BODY), key);
        assert_eq!(cache_key("search", "", false, "[1]"), None);
    }
}
