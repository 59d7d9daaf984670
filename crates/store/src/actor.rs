//! On whose behalf a change is made, as the audit log names it. It must never know what was changed.

use std::fmt;

use units::SessionId;

/// Who asks for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// An operator at the command line of the machine.
    Cli,
    /// The product itself: start-up, seeding, sweeping.
    System,
    /// Someone logged in to the console.
    Session(SessionId),
    /// Someone who is not logged in yet, such as the bearer of a login link.
    Anonymous,
}

/// The text the audit log keeps: `cli`, `system`, `anonymous`, or the session's id.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Cli => f.write_str("cli"),
            Actor::System => f.write_str("system"),
            Actor::Anonymous => f.write_str("anonymous"),
            Actor::Session(id) => write!(f, "{id}"),
        }
    }
}
