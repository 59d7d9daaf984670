//! `[organisation]`, `[[team]]`, `[[budget]]` and `[[key]]`: who pays, how much at most, with which
//! keys.
//!
//! Must never hold the secret of a key, only its hash.

use jiff::Timestamp;
use policy::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{KeyId, Label, Slug, UnixMicros, Usd};

use super::values::{KeyHash, Zone};

/// Whose gateway this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Slug history is kept under: choose it once, it can never change.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub slug: Slug,
    /// Name as pages and statements show it. Default: `slug`.
    #[schemars(with = "Option<String>", extend("format" = "label"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// IANA time zone its months begin and end in.
    #[schemars(with = "String", extend("format" = "time-zone"))]
    #[serde(default)]
    pub time_zone: Zone,
}

impl Organisation {
    /// The name to show: `name`, else the slug.
    pub fn display_name(&self) -> &str {
        self.name.as_ref().map_or(self.slug.as_str(), Label::as_str)
    }
}

/// A team, which pays for its keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Slug history is kept under: it can never change.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub slug: Slug,
    /// Name as pages and statements show it. Default: `slug`.
    #[schemars(with = "Option<String>", extend("format" = "label"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// Cost centre as finance names it. Default: none.
    #[schemars(with = "Option<String>", extend("format" = "label"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_centre: Option<Label>,
}

impl Team {
    /// The name to show: `name`, else the slug.
    pub fn display_name(&self) -> &str {
        self.name.as_ref().map_or(self.slug.as_str(), Label::as_str)
    }
}

/// A hard limit on what a scope spends in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Name, as refusals and pages show it. What it has spent is kept under this name.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub name: Slug,
    /// Whose spending counts: `organisation`, or a kind and a name, such as `team:search`,
    /// `project:autocomplete`, `key:key_…`, `user:ada`, `customer:initech`, `model:gpt-5.4` (as the
    /// provider names it). Default: `organisation`.
    #[schemars(with = "Option<String>", extend("format" = "scope"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Slug of the `[[team]]` it limits: short for `scope = "team:…"`.
    #[schemars(with = "Option<String>", extend("format" = "slug"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Slug>,
    /// Most that may be spent in one window, US dollars as text: `"100.00"`.
    #[schemars(with = "String", extend("format" = "usd"))]
    pub limit_usd: Usd,
    /// When it starts anew, in the organisation's time zone.
    #[serde(default)]
    pub window: Window,
    /// What happens to a request when little is left.
    #[serde(default)]
    pub on_tight: OnTight,
    /// What happens to a request for a model without a price, and to one that makes a batch, whose cost
    /// nothing bounds.
    #[serde(default)]
    pub on_unpriced: OnUnpriced,
    /// What a gateway does when its lease is used up and the console cannot be asked.
    #[serde(default)]
    pub when_alone: WhenAlone,
    /// Most that each gateway may spend beyond its lease in one window with `when_alone = "spend"`,
    /// US dollars as text: what the limit may be passed by. Default: nothing.
    #[schemars(with = "Option<String>", extend("format" = "usd"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_usd: Option<Usd>,
}

impl Budget {
    /// Whose spending counts.
    pub fn scope(&self) -> Scope {
        match (&self.scope, &self.team) {
            (Some(scope), _) => scope.clone(),
            (None, Some(team)) => Scope::Team(team.clone()),
            (None, None) => Scope::Organisation,
        }
    }
}

/// When a budget starts anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Every midnight.
    Day,
    /// Every Monday.
    Week,
    /// With every calendar month.
    #[default]
    Month,
    /// On the first of January, April, July and October.
    Quarter,
    /// On the first of January.
    Year,
}

/// What a gateway does when its lease is used up and the console cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenAlone {
    /// It refuses (503): the limit is never passed.
    #[default]
    Refuse,
    /// It goes on, up to `exposure_usd`.
    Spend,
}

/// What happens to a request when a budget has little left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTight {
    /// Its answer is shortened to what is left.
    #[default]
    Clamp,
    /// It is refused.
    Deny,
}

/// What happens to a request for a model without a price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnpriced {
    /// It is refused: a cost that is unknown cannot be kept below a limit.
    #[default]
    Deny,
    /// It is answered and counted as unpriced.
    Allow,
}

/// A virtual key, by the hash of its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Name, as pages show it.
    #[schemars(with = "String", extend("format" = "label"))]
    pub name: Label,
    /// blake3 of the key, 64 hexadecimal digits.
    #[schemars(with = "String", extend("format" = "blake3"))]
    pub hash: KeyHash,
    /// Slug of the `[[team]]` that pays.
    #[schemars(with = "String", extend("format" = "slug"))]
    pub team: Slug,
    /// Slug of the project that pays. Default: none.
    #[schemars(with = "Option<String>", extend("format" = "slug"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Slug>,
    /// User it was issued to; clients cannot say another. Default: none.
    #[schemars(with = "Option<String>", extend("format" = "label"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Label>,
    /// Feature it serves; clients cannot say another. Default: none.
    #[schemars(with = "Option<String>", extend("format" = "label"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<Label>,
    /// Names of the routes it may use. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// What clients may say about attribution where the key itself is silent. Default: everything.
    #[serde(default = "ClientField::all")]
    pub client_may_set: Vec<ClientField>,
    /// Instant it stops working at: `2027-01-31T00:00:00Z`. Default: never.
    #[schemars(with = "Option<String>", extend("format" = "instant"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl Key {
    /// Id recorded in every event, made from the hash so that it stays the same over restarts.
    pub fn id(&self) -> KeyId {
        let mut bits = [0; 16];
        bits.copy_from_slice(&self.hash.bytes()[..16]);
        KeyId::from_u128(u128::from_be_bytes(bits))
    }

    /// Instant it stops working at.
    pub fn expires_at(&self) -> Option<UnixMicros> {
        self.expires.map(UnixMicros::from)
    }
}

/// A field of attribution a client may fill in. Never the team: it decides who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientField {
    /// End user.
    User,
    /// Customer served.
    Customer,
    /// Product feature.
    Feature,
    /// Session, trace and parent ids.
    Session,
    /// Free tags.
    Tags,
}

impl ClientField {
    /// Every field.
    pub fn all() -> Vec<ClientField> {
        vec![
            ClientField::User,
            ClientField::Customer,
            ClientField::Feature,
            ClientField::Session,
            ClientField::Tags,
        ]
    }
}
