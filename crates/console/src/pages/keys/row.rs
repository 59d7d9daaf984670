//! A key as tables and pages show it: never its secret, only the first characters of it.

use units::{KeyId, UnixMicros};

use crate::ConsoleState;
use crate::desk::Entry;
use crate::markup::Stamp;
use crate::moments;

/// A key that ends within this time is shown as ending soon, microseconds: seven days.
const SOON_US: i64 = 7 * 86_400 * 1_000_000;

/// One key.
pub(super) struct KeyRow {
    pub(super) id: KeyId,
    pub(super) name: String,
    /// The first characters of the secret; keys of the file have none that is known.
    pub(super) prefix: Option<String>,
    pub(super) owner: OwnerCells,
    /// Models and routes it may use; empty is all.
    pub(super) models: Vec<String>,
    pub(super) state: StateCell,
    pub(super) created: Option<Stamp>,
    pub(super) expires: Option<Stamp>,
    /// When it was last seen in use, and how long ago.
    pub(super) used: Option<(Stamp, String)>,
    /// The key it took the place of.
    pub(super) replaces: Option<KeyId>,
    pub(super) is_declared: bool,
    /// It works and is kept where it can be changed.
    pub(super) can_change: bool,
}

/// Who pays, and for what.
pub(super) struct OwnerCells {
    pub(super) team: String,
    pub(super) project: Option<String>,
    pub(super) user: Option<String>,
    pub(super) feature: Option<String>,
}

/// What has become of a key, in words and as a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StateCell {
    pub(super) title: &'static str,
    pub(super) class: &'static str,
}

impl StateCell {
    /// The state at an instant.
    pub(super) fn at(
        now: UnixMicros,
        expires_at: Option<UnixMicros>,
        revoked_at: Option<UnixMicros>,
    ) -> Self {
        let (title, class) = match (revoked_at, expires_at) {
            (Some(_), _) => ("Revoked", "plain"),
            (None, Some(at)) if at <= now => ("Expired", "plain"),
            (None, Some(at)) if at.micros_since(now) <= SOON_US => ("Ends soon", "near"),
            _ => ("Active", "within"),
        };
        Self { title, class }
    }
}

impl KeyRow {
    pub(super) fn all(entries: &[Entry], state: &ConsoleState) -> Vec<Self> {
        entries.iter().map(|entry| Self::of(entry, state)).collect()
    }

    pub(super) fn of(entry: &Entry, state: &ConsoleState) -> Self {
        let (now, moments) = (state.now(), state.moments());
        let stamp = |at: UnixMicros| moments.stamp(at);
        match entry {
            Entry::Declared(key) => Self {
                id: key.id,
                name: key.name.clone(),
                prefix: None,
                owner: OwnerCells {
                    team: key.team.to_string(),
                    project: key.project.clone(),
                    user: key.user.clone(),
                    feature: key.feature.clone(),
                },
                models: key.routes.clone(),
                state: StateCell::at(now, key.expires_at, None),
                created: None,
                expires: key.expires_at.map(stamp),
                used: None,
                replaces: None,
                is_declared: true,
                can_change: false,
            },
            Entry::Stored(key) => Self {
                id: key.id,
                name: key.name.to_string(),
                prefix: Some(key.prefix.clone()),
                owner: OwnerCells {
                    team: key.owner.team.to_string(),
                    project: key.owner.project.as_ref().map(ToString::to_string),
                    user: key.owner.user.as_ref().map(ToString::to_string),
                    feature: key.owner.feature.as_ref().map(ToString::to_string),
                },
                models: key.access.allowed_models.clone(),
                state: StateCell::at(now, key.expires_at, key.revoked_at),
                created: Some(stamp(key.created_at)),
                expires: key.expires_at.map(stamp),
                used: key.last_used_at.map(|at| (stamp(at), moments::ago(at, now))),
                replaces: key.replaces,
                is_declared: false,
                can_change: key.is_active(now),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_s_state_follows_from_its_instants() {
        let now = UnixMicros::new(1_000_000_000_000_000);
        let after = |us| Some(now.plus_micros(us));
        for (expires, revoked, title) in [
            (None, None, "Active"),
            (after(SOON_US + 1), None, "Active"),
            (after(SOON_US), None, "Ends soon"),
            (after(1), None, "Ends soon"),
            (after(0), None, "Expired"),
            (after(SOON_US * 2), after(-1), "Revoked"),
        ] {
            assert_eq!(StateCell::at(now, expires, revoked).title, title, "{expires:?}");
        }
    }
}
