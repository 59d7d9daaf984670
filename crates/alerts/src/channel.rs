//! The channels alerts are told on: how each is spoken to, which incidents it takes, and its secrets.
//!
//! A channel's URL is a secret: whoever has it can post. It leaves this crate in requests alone.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use standardwebhooks::Webhook;
use store::{DeliveryKind, Severity};
use units::{Secret, Slug};
use url::{Host, Url};

use crate::AlertsError;
use crate::address::is_private;

/// Secrets a channel may be signed with at once: the new one and the old one while it is rotated.
const SECRETS_MAX: usize = 2;

/// A channel as configured.
#[derive(Debug, Clone)]
pub struct ChannelOptions {
    /// Its name, under which deliveries are kept.
    pub name: String,
    /// What is spoken there.
    pub kind: DeliveryKind,
    /// Its URL.
    pub url: Secret,
    /// What a webhook is signed with, `whsec_…`; two while a secret is rotated, none for no signature.
    pub secrets: Vec<Secret>,
    /// Least severity that is told.
    pub severity_min: Severity,
    /// Teams whose incidents are told; empty for all, and for those of no team.
    pub teams: Vec<Slug>,
    /// Whether the URL may lead to a private address, and be plain `http`.
    pub allow_private: bool,
}

/// A channel that can be posted to.
pub struct Channel {
    name: String,
    kind: DeliveryKind,
    url: Url,
    signers: Vec<Webhook>,
    severity_min: Severity,
    teams: Vec<Slug>,
    allow_private: bool,
}

impl Channel {
    /// Checks a channel.
    ///
    /// # Errors
    /// When the URL is none, not HTTPS, or a private address; when a secret is none. The message never
    /// shows either.
    pub fn new(options: ChannelOptions) -> Result<Self, AlertsError> {
        let ChannelOptions { name, kind, url, secrets, severity_min, teams, allow_private } =
            options;
        let refuse = |problem: &str| {
            let (channel, problem) = (name.clone(), problem.to_owned());
            Err(AlertsError::Channel { channel, problem })
        };
        let Ok(url) = Url::parse(url.expose().trim()) else {
            return refuse("its URL cannot be read: write https://…");
        };
        match url.scheme() {
            "https" => {}
            "http" if allow_private => {}
            "http" => return refuse("its URL is not https, and would be sent in clear"),
            _ => return refuse("its URL is not https"),
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return refuse("its URL names no host"),
        };
        if !allow_private && literal.is_some_and(is_private) {
            return refuse("its URL is a private address: set allow_private if that is meant");
        }
        if secrets.len() > SECRETS_MAX {
            return refuse("it may have two signing secrets at most");
        }
        let mut signers = Vec::new();
        for secret in &secrets {
            let text = secret.expose().trim();
            let signer = Webhook::new(text).ok().filter(|_| text.starts_with("whsec_"));
            let Some(signer) = signer else {
                return refuse("a signing secret is not whsec_ and base64");
            };
            signers.push(signer);
        }
        Ok(Self { name, kind, url, signers, severity_min, teams, allow_private })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is spoken there.
    pub const fn kind(&self) -> DeliveryKind {
        self.kind
    }

    /// Whether an incident is told here.
    pub fn takes(&self, severity: Severity, team: Option<&Slug>) -> bool {
        severity >= self.severity_min
            && (self.teams.is_empty() || team.is_some_and(|team| self.teams.contains(team)))
    }

    /// Where it is posted to.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it may lead to a private address.
    pub(crate) const fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// The signatures of a body by every secret, `v1,…` separated by spaces; `None` without secrets.
    pub(crate) fn sign(&self, id: &str, at_s: i64, body: &[u8]) -> Option<String> {
        let signed: Vec<String> =
            self.signers.iter().filter_map(|signer| signer.sign(id, at_s, body).ok()).collect();
        (!signed.is_empty()).then(|| signed.join(" "))
    }
}

/// Without URL and secrets.
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("severity_min", &self.severity_min)
            .field("teams", &self.teams)
            .finish_non_exhaustive()
    }
}

/// Every channel of an installation, by name.
#[derive(Debug, Clone, Default)]
pub struct Channels(Arc<BTreeMap<String, Channel>>);

impl Channels {
    /// These channels; of two with one name the later counts.
    pub fn new(channels: impl IntoIterator<Item = Channel>) -> Self {
        let named = channels.into_iter().map(|channel| (channel.name.clone(), channel));
        Self(Arc::new(named.collect()))
    }

    /// The channel of a name.
    pub fn get(&self, name: &str) -> Option<&Channel> {
        self.0.get(name)
    }

    /// Every channel, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn options(url: &str) -> ChannelOptions {
        ChannelOptions {
            name: "ops".to_owned(),
            kind: DeliveryKind::Webhook,
            url: Secret::new(url),
            secrets: vec![Secret::new(SECRET)],
            severity_min: Severity::Warning,
            teams: Vec::new(),
            allow_private: false,
        }
    }

    #[test]
    fn a_url_that_could_leak_or_reach_inside_is_refused_and_never_shown() {
        for (url, expected) in [
            ("hunter2", "cannot be read"),
            ("http://example.com/hunter2", "not https"),
            ("ftp://example.com/hunter2", "not https"),
            ("https://127.0.0.1/hunter2", "private"),
            ("https://[::1]/hunter2", "private"),
            ("https://2130706433/hunter2", "private"),
            ("https://0x7f.1/hunter2", "private"),
            ("https://169.254.169.254/hunter2", "private"),
        ] {
            let error = Channel::new(options(url)).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{url}: {error}");
        }
        let allowed = ChannelOptions { allow_private: true, ..options("http://10.0.0.9/hunter2") };
        let channel = Channel::new(allowed).unwrap();
        assert!(!format!("{channel:?}").contains("hunter2"));
        assert!(Channel::new(options("https://hooks.example.com/hunter2")).is_ok());
    }

    #[test]
    fn secrets_that_are_none_are_refused_and_never_shown() {
        for bad in ["hunter2", "whsec_hunter2!", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"] {
            let secrets = vec![Secret::new(bad)];
            let error = Channel::new(ChannelOptions { secrets, ..options("https://a.example") });
            let error = error.unwrap_err().to_string();
            assert!(error.contains("signing secret") && !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn a_signature_is_that_of_the_published_example_one_for_each_secret() {
        let channel = Channel::new(ChannelOptions {
            secrets: vec![Secret::new("whsec_bm90IHRoaXMgb25l"), Secret::new(SECRET)],
            ..options("https://a.example")
        });
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = channel.unwrap().sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        let signed = signed.unwrap();
        assert_eq!(signed.split(' ').count(), 2);
        assert!(signed.ends_with(" v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="), "{signed}");
    }

    #[test]
    fn a_channel_takes_what_is_severe_enough_and_of_its_teams() {
        let search: Slug = "search".parse().unwrap();
        let growth: Slug = "growth".parse().unwrap();
        let all = Channel::new(options("https://a.example")).unwrap();
        let one = ChannelOptions { teams: vec![search.clone()], ..options("https://a.example") };
        let one = Channel::new(one).unwrap();
        for (channel, severity, team, takes) in [
            (&all, Severity::Info, Some(&search), false),
            (&all, Severity::Warning, Some(&growth), true),
            (&all, Severity::Critical, None, true),
            (&one, Severity::Critical, Some(&search), true),
            (&one, Severity::Critical, Some(&growth), false),
            (&one, Severity::Critical, None, false),
        ] {
            assert_eq!(channel.takes(severity, team), takes, "{channel:?} {severity} {team:?}");
        }
    }
}
