//! What a client says about who a request is for, read from headers and body, bounded, and
//! believed only as far as the key's policy says.

use std::collections::BTreeMap;

use events::Attribution;
use units::Label;

use crate::Key;

/// Most tags kept of one request.
pub const TAGS_MAX: usize = 32;
/// Longest JSON metadata header read, bytes.
const METADATA_BYTES_MAX: usize = 16 * 1024;

/// Attribution as claimed by the client. The first source to name a field wins, so read headers
/// before the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// End user.
    pub user: Option<String>,
    /// Customer served.
    pub customer: Option<String>,
    /// Product feature.
    pub feature: Option<String>,
    /// Session or conversation id.
    pub session: Option<String>,
    /// Trace id.
    pub trace: Option<String>,
    /// Parent span or request id.
    pub parent: Option<String>,
    /// Everything else, at most [`TAGS_MAX`].
    pub tags: BTreeMap<String, String>,
}

impl Claims {
    /// Reads one header; `name` must be lower case. Headers of other gateways are understood too.
    pub fn header(&mut self, name: &str, value: &str) {
        match name {
            "x-tollgate-user" | "helicone-user-id" | "x-litellm-end-user-id" => {
                claim(&mut self.user, value);
            }
            "x-tollgate-customer" | "x-litellm-customer-id" => claim(&mut self.customer, value),
            "x-tollgate-feature" => claim(&mut self.feature, value),
            "x-tollgate-session" | "helicone-session-id" => claim(&mut self.session, value),
            "x-tollgate-trace" | "x-litellm-trace-id" | "x-portkey-trace-id" => {
                claim(&mut self.trace, value);
            }
            "traceparent" => self.traceparent(value),
            "x-tollgate-parent" => claim(&mut self.parent, value),
            "x-tollgate-tags" | "x-litellm-tags" => self.tag_list(value),
            "x-tollgate-metadata" | "x-portkey-metadata" | "x-litellm-spend-logs-metadata" => {
                self.metadata_json(value);
            }
            "http-referer" => self.tag("referer", value),
            "x-title" => self.tag("app", value),
            _ => {
                if let Some(property) = name.strip_prefix("helicone-property-") {
                    self.tag(property, value);
                }
            }
        }
    }

    /// Reads the attribution fields of a request's body.
    pub fn body(&mut self, user: Option<&str>, session: Option<&str>) {
        if let Some(user) = user {
            claim(&mut self.user, user);
        }
        if let Some(session) = session {
            claim(&mut self.session, session);
        }
    }

    /// Reads one pair of metadata. The names `user`, `customer`, `feature` and `session` (and their
    /// usual spellings) fill the field of that name; any other is a tag.
    pub fn tag(&mut self, name: &str, value: &str) {
        match name {
            "user" | "_user" | "user_id" => claim(&mut self.user, value),
            "customer" | "customer_id" => claim(&mut self.customer, value),
            "feature" => claim(&mut self.feature, value),
            "session" | "session_id" => claim(&mut self.session, value),
            _ => {
                let (Ok(name), Ok(value)) = (Label::clipped(name), Label::clipped(value)) else {
                    return;
                };
                let name = String::from(name);
                if self.tags.len() < TAGS_MAX && !self.tags.contains_key(&name) {
                    self.tags.insert(name, value.into());
                }
            }
        }
    }

    /// What is recorded: the key's own attribution first, then what the key lets the client say.
    pub fn resolve(self, key: &Key) -> Attribution {
        let may = key.client_may_set;
        let allowed = |own: &Option<String>, claimed: Option<String>, may: bool| {
            own.clone().or(claimed.filter(|_| may))
        };
        Attribution {
            organisation: key.organisation.to_string(),
            team: Some(key.team.to_string()),
            project: key.project.as_ref().map(ToString::to_string),
            key_id: Some(key.id),
            user: allowed(&key.user, self.user, may.user),
            customer: self.customer.filter(|_| may.customer),
            feature: allowed(&key.feature, self.feature, may.feature),
            tags: if may.tags { self.tags } else { BTreeMap::new() },
        }
    }

    /// `k=v` pairs or bare names, separated by commas.
    fn tag_list(&mut self, list: &str) {
        for item in list.split(',').take(TAGS_MAX) {
            match item.split_once('=') {
                Some((name, value)) => self.tag(name.trim(), value),
                None => self.tag(item.trim(), "true"),
            }
        }
    }

    /// A JSON object; its scalar members count, anything else is left alone.
    fn metadata_json(&mut self, json: &str) {
        if json.len() > METADATA_BYTES_MAX {
            return;
        }
        let parsed: Result<BTreeMap<String, serde_json::Value>, _> = serde_json::from_str(json);
        for (name, value) in parsed.unwrap_or_default() {
            match value {
                serde_json::Value::String(text) => self.tag(&name, &text),
                serde_json::Value::Number(number) => self.tag(&name, &number.to_string()),
                serde_json::Value::Bool(flag) => {
                    self.tag(&name, if flag { "true" } else { "false" })
                }
                _ => {}
            }
        }
    }

    /// W3C trace context: `version-trace-parent-flags`.
    fn traceparent(&mut self, value: &str) {
        let mut parts = value.split('-').skip(1);
        if let (Some(trace), Some(parent)) = (parts.next(), parts.next())
            && trace.len() == 32
            && parent.len() == 16
        {
            claim(&mut self.trace, trace);
            claim(&mut self.parent, parent);
        }
    }
}

fn claim(field: &mut Option<String>, value: &str) {
    if field.is_none() {
        *field = Label::clipped(value).ok().map(String::from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientFields;
    use units::KeyId;

    fn key(client_may_set: ClientFields) -> Key {
        Key {
            id: KeyId::from_u128(7),
            organisation: "acme".parse().unwrap(),
            team: "search".parse().unwrap(),
            project: Some("web".parse().unwrap()),
            user: None,
            feature: Some("ranking".into()),
            routes: Vec::new(),
            client_may_set,
            expires_at: None,
        }
    }

    fn read(headers: &[(&str, &str)]) -> Claims {
        let mut claims = Claims::default();
        for (name, value) in headers {
            claims.header(name, value);
        }
        claims
    }

    #[test]
    fn headers_of_other_gateways_mean_the_same() {
        for (name, value) in [
            ("x-tollgate-customer", "globex"),
            ("x-litellm-customer-id", "globex"),
            ("x-tollgate-metadata", r#"{"customer":"globex"}"#),
            ("x-portkey-metadata", r#"{"customer_id":"globex","nested":{}}"#),
            ("x-tollgate-tags", "customer=globex"),
            ("helicone-property-customer", "globex"),
        ] {
            assert_eq!(read(&[(name, value)]).customer.as_deref(), Some("globex"), "{name}");
        }
    }

    #[test]
    fn the_key_wins_over_the_client_and_a_team_cannot_be_claimed() {
        let mut claims = read(&[
            ("x-tollgate-feature", "other"),
            ("x-tollgate-tags", "team=finance,env=prod,beta"),
            ("x-tollgate-user", "ada"),
        ]);
        claims.body(Some("eve"), Some("s-1"));
        let resolved = claims.clone().resolve(&key(ClientFields::default()));
        assert_eq!(resolved.feature.as_deref(), Some("ranking"));
        assert_eq!(resolved.team.as_deref(), Some("search"));
        assert_eq!(resolved.user.as_deref(), Some("ada"));
        assert_eq!(resolved.tags.get("env").map(String::as_str), Some("prod"));
        assert_eq!(resolved.tags.get("beta").map(String::as_str), Some("true"));
        let silent = ClientFields { user: false, tags: false, ..ClientFields::default() };
        let resolved = claims.resolve(&key(silent));
        assert_eq!((resolved.user, resolved.tags.len()), (None, 0));
    }

    #[test]
    fn hostile_claims_are_bounded_or_ignored() {
        let many: Vec<String> = (0..1000).map(|i| format!("t{i}={}", "x".repeat(1000))).collect();
        let mut claims = read(&[("x-tollgate-tags", &many.join(","))]);
        claims.header("x-tollgate-metadata", &format!("{{\"a\":\"{}\"}}", "y".repeat(1 << 20)));
        claims.header("x-tollgate-metadata", "{not json");
        claims.header("x-tollgate-user", "a\u{0}b");
        claims.header("traceparent", "00-short-bad-01");
        assert_eq!(claims.tags.len(), TAGS_MAX);
        assert!(claims.tags.values().all(|value| value.len() == 256));
        assert_eq!((claims.user, claims.trace), (None, None));
    }

    #[test]
    fn trace_context_gives_trace_and_parent() {
        let claims =
            read(&[("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]);
        assert_eq!(claims.trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(claims.parent.as_deref(), Some("b7ad6b7169203331"));
    }
}
