//! Scopes: whose spending a budget counts, and who a request spends for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use units::{KeyId, Label, Slug};

/// Whose spending a budget counts. Written `organisation`, or a kind and a name: `team:search`,
/// `project:web`, `key:key_…`, `user:ada`, `customer:globex`, `model:gpt-5.4`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// The whole organisation.
    Organisation,
    /// One team.
    Team(Slug),
    /// One project.
    Project(Slug),
    /// One virtual key.
    Key(KeyId),
    /// One end user.
    User(String),
    /// One customer served.
    Customer(String),
    /// One model, as it is named to the provider.
    Model(String),
}

/// Who one attempt spends for.
#[derive(Debug, Clone, Copy)]
pub struct Spender<'a> {
    /// Team that pays.
    pub team: &'a Slug,
    /// Project that pays.
    pub project: Option<&'a Slug>,
    /// The virtual key.
    pub key: KeyId,
    /// End user.
    pub user: Option<&'a str>,
    /// Customer served.
    pub customer: Option<&'a str>,
    /// Model, as it is named to the provider.
    pub model: &'a str,
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a scope: write organisation, or team:, project:, key:, user:, customer: or model: and a name{problem}"
)]
pub struct ScopeError {
    text: String,
    problem: String,
}

impl Scope {
    /// The kind: `organisation`, `team`, `project`, `key`, `user`, `customer` or `model`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Scope::Organisation => "organisation",
            Scope::Team(_) => "team",
            Scope::Project(_) => "project",
            Scope::Key(_) => "key",
            Scope::User(_) => "user",
            Scope::Customer(_) => "customer",
            Scope::Model(_) => "model",
        }
    }

    /// The name within the kind; `None` for the organisation.
    pub fn name(&self) -> Option<String> {
        match self {
            Scope::Organisation => None,
            Scope::Team(slug) | Scope::Project(slug) => Some(slug.to_string()),
            Scope::Key(id) => Some(id.to_string()),
            Scope::User(name) | Scope::Customer(name) | Scope::Model(name) => Some(name.clone()),
        }
    }

    /// The scope of a kind and a name.
    pub fn of(kind: &str, name: &str) -> Result<Self, ScopeError> {
        let bad = |problem: String| ScopeError {
            text: format!("{kind}:{}", name.chars().take(80).collect::<String>()),
            problem,
        };
        let slug = || name.parse::<Slug>().map_err(|error| bad(format!("; {error}")));
        // What clients send is clipped to a label before it is counted, so a scope must be one too.
        let label = || match Label::clipped(name) {
            Ok(label) if label.as_str() == name => Ok(String::from(label)),
            Ok(_) => Err(bad("; a name has at most 256 bytes and no space around it".to_owned())),
            Err(error) => Err(bad(format!("; {error}"))),
        };
        match kind {
            "team" => Ok(Scope::Team(slug()?)),
            "project" => Ok(Scope::Project(slug()?)),
            "key" => name.parse().map(Scope::Key).map_err(|error| bad(format!("; {error}"))),
            "user" => Ok(Scope::User(label()?)),
            "customer" => Ok(Scope::Customer(label()?)),
            "model" => Ok(Scope::Model(label()?)),
            _ => Err(bad(String::new())),
        }
    }

    /// Whether what `spender` spends counts towards the scope.
    pub fn covers(&self, spender: &Spender<'_>) -> bool {
        match self {
            Scope::Organisation => true,
            Scope::Team(own) => own == spender.team,
            Scope::Project(own) => Some(own) == spender.project,
            Scope::Key(own) => *own == spender.key,
            Scope::User(own) => Some(own.as_str()) == spender.user,
            Scope::Customer(own) => Some(own.as_str()) == spender.customer,
            Scope::Model(own) => own == spender.model,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Organisation => f.write_str("organisation"),
            Scope::Team(slug) | Scope::Project(slug) => write!(f, "{}:{slug}", self.kind()),
            Scope::Key(id) => write!(f, "key:{id}"),
            Scope::User(name) | Scope::Customer(name) | Scope::Model(name) => {
                write!(f, "{}:{name}", self.kind())
            }
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text == "organisation" {
            return Ok(Scope::Organisation);
        }
        match text.split_once(':') {
            Some((kind, name)) => Self::of(kind, name),
            None => {
                Err(ScopeError { text: text.chars().take(80).collect(), problem: String::new() })
            }
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;
    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_scope_reads_back_from_its_text() {
        for text in [
            "organisation",
            "team:search",
            "project:web",
            "key:key_00000000000000000000000000000007",
            "user:ada@example.com",
            "customer:a:b \"c\"",
            "model:openai/gpt-5.4:free",
        ] {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(scope.to_string(), text);
            let json = serde_json::to_string(&scope).unwrap();
            assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope, "{text}");
            if let Some(name) = scope.name() {
                assert_eq!(Scope::of(scope.kind(), &name), Ok(scope), "{text}");
            }
        }
    }

    #[test]
    fn what_names_no_scope_is_refused_with_what_to_write() {
        for text in [
            "",
            "team",
            "team:",
            "team:Search",
            "key:7",
            "user:",
            "user: x",
            "region:eu",
            "user:\n",
        ] {
            let error = text.parse::<Scope>().unwrap_err().to_string();
            assert!(error.contains("write organisation, or team:"), "{error}");
        }
    }

    #[test]
    fn a_scope_covers_only_its_own() {
        let (team, project) = ("search".parse().unwrap(), "web".parse().unwrap());
        let spender = Spender {
            team: &team,
            project: Some(&project),
            key: KeyId::from_u128(7),
            user: Some("ada"),
            customer: None,
            model: "gpt-5.4",
        };
        for (text, covered) in [
            ("organisation", true),
            ("team:search", true),
            ("team:web", false),
            ("project:web", true),
            ("project:search", false),
            ("key:key_00000000000000000000000000000007", true),
            ("key:key_00000000000000000000000000000008", false),
            ("user:ada", true),
            ("user:bob", false),
            ("customer:ada", false),
            ("model:gpt-5.4", true),
            ("model:gpt-5", false),
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().covers(&spender), covered, "{text}");
        }
    }
}
