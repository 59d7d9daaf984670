//! Budgets: a limit on what a scope may spend in a window.

use serde::{Deserialize, Serialize};
use units::{BudgetId, CalendarWindow, Slug, UnixMicros, Usd};

use crate::Scope;

/// What happens when the room left is smaller than what a request might cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTight {
    /// Lower the request's output limit to what fits, as long as a usual answer still does.
    #[default]
    Clamp,
    /// Refuse it.
    Deny,
}

/// What happens to a request whose model has no price, or that makes a batch, whose cost nothing bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnpriced {
    /// Refuse it, because a cap on unknown amounts is no cap.
    #[default]
    Deny,
    /// Let it pass, uncounted.
    Allow,
}

/// What a gateway does once its lease is used up or has run out and the budget authority does not
/// answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenAlone {
    /// Refuse: the limit is never passed (fail-closed).
    #[default]
    Refuse,
    /// Spend on, so that the limit may be passed by a stated amount (fail-open, bounded).
    Spend {
        /// Most that one gateway process may spend beyond its lease in one window.
        exposure: Usd,
    },
}

/// A hard budget of one scope of one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Id; stable as long as organisation and name are.
    pub id: BudgetId,
    /// Name as configured.
    pub name: String,
    /// Organisation whose zone cuts the window.
    pub organisation: Slug,
    /// Whose spending counts.
    pub scope: Scope,
    /// How long the limit lasts.
    #[serde(default)]
    pub window: CalendarWindow,
    /// Most that may be spent in one window.
    pub limit: Usd,
    /// When room is short.
    #[serde(default)]
    pub on_tight: OnTight,
    /// When a price is missing.
    #[serde(default)]
    pub on_unpriced: OnUnpriced,
    /// When the authority is away.
    #[serde(default)]
    pub when_alone: WhenAlone,
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

/// How a budget stands in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetStatus {
    /// The budget.
    pub id: BudgetId,
    /// Its name.
    pub name: String,
    /// Its scope, as text: `organisation`, or a kind and a name such as `team:search`.
    pub scope: String,
    /// The kind of window.
    pub window: CalendarWindow,
    /// Limit of the window.
    pub limit: Usd,
    /// Settled in the window, by every gateway as far as is known here.
    pub spent: Usd,
    /// Held for requests under way.
    pub reserved: Usd,
    /// What gateways may still spend of their leases, beyond what is reserved.
    pub leased: Usd,
    /// Sum of what requests cost beyond what they held, in the window; 0 unless a provider used
    /// more than it was allowed to.
    pub overshoot: Usd,
    /// First instant of the window.
    pub window_start: UnixMicros,
    /// First instant of the next one.
    pub resets_at: UnixMicros,
}
