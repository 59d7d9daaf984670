//! Budgets: a limit on what a scope may spend in a window.

use units::{BudgetId, Slug, UnixMicros, Usd};

/// Whose spending a budget counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole organisation.
    Organisation,
    /// One team.
    Team(Slug),
}

impl Scope {
    /// Whether a request of `team` counts towards the scope.
    pub fn covers(&self, team: &Slug) -> bool {
        match self {
            Scope::Organisation => true,
            Scope::Team(own) => own == team,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::Organisation => f.write_str("organisation"),
            Scope::Team(team) => write!(f, "team:{team}"),
        }
    }
}

/// What happens when the room left is smaller than what a request might cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnTight {
    /// Lower the request's output limit to what fits, as long as a usual answer still does.
    #[default]
    Clamp,
    /// Refuse it.
    Deny,
}

/// What happens to a request whose model has no price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnpriced {
    /// Refuse it, because a cap on unknown amounts is no cap.
    #[default]
    Deny,
    /// Let it pass, uncounted.
    Allow,
}

/// A hard monthly budget of one scope of one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Id; stable as long as organisation and name are.
    pub id: BudgetId,
    /// Name as configured.
    pub name: String,
    /// Organisation whose zone cuts the window.
    pub organisation: Slug,
    /// Whose spending counts.
    pub scope: Scope,
    /// Most that may be spent in one window.
    pub limit: Usd,
    /// When room is short.
    pub on_tight: OnTight,
    /// When a price is missing.
    pub on_unpriced: OnUnpriced,
}

impl Budget {
    /// The id of the budget of this name: a hash, so that a budget declared in a file keeps its
    /// spending across restarts.
    pub fn id_of(organisation: &Slug, name: &str) -> BudgetId {
        let digest = blake3::derive_key(
            "tollgate 2026-11 budget id",
            format!("{organisation}/{name}").as_bytes(),
        );
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        BudgetId::from_u128(u128::from_be_bytes(half))
    }
}

/// How a budget stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetStatus {
    /// The budget.
    pub id: BudgetId,
    /// Its name.
    pub name: String,
    /// Its scope, as text: `organisation` or `team:` and a slug.
    pub scope: String,
    /// Limit of the window.
    pub limit: Usd,
    /// Settled in the window.
    pub spent: Usd,
    /// Held for requests under way.
    pub reserved: Usd,
    /// Sum of what requests cost beyond what they held, in the window; 0 unless a provider used
    /// more than it was allowed to.
    pub overshoot: Usd,
    /// First instant of the window.
    pub window_start: UnixMicros,
    /// First instant of the next one.
    pub resets_at: UnixMicros,
}
