//! What someone logged in to the console is. It must never know what each page demands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The role of a session. Which pages a role opens is the console's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, including keys and other people's access.
    Admin,
    /// Statements, budgets and prices.
    Finance,
    /// Keys, routes and requests.
    Engineer,
    /// Everything that reads, including SQL.
    Analyst,
    /// Pages alone.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] =
        [Role::Admin, Role::Finance, Role::Engineer, Role::Analyst, Role::Viewer];

    /// The stable text form, as stored and as written on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Finance => "finance",
            Role::Engineer => "engineer",
            Role::Analyst => "analyst",
            Role::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not one of {}", Role::ALL.map(Role::as_str).join(", "))
        })
    }
}
