//! Which values of which dimension drive a change of cost: ranked by how much of the change they make
//! and by how little of the earlier cost they made. It must never know how a value is shown.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use units::Usd;

/// A tenth of the greatest strength, a share of a change times a share of a cost in millionths.
const STRENGTH_STEP: i128 = 100_000;

/// What a driver is a value of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverBy {
    /// Feature.
    Feature,
    /// Model as sent to the provider.
    Model,
    /// Virtual key.
    Key,
    /// Customer served.
    Customer,
    /// End user.
    User,
}

impl DriverBy {
    /// The name it is shown and asked for under.
    pub const fn as_str(self) -> &'static str {
        match self {
            DriverBy::Feature => "feature",
            DriverBy::Model => "model",
            DriverBy::Key => "key",
            DriverBy::Customer => "customer",
            DriverBy::User => "user",
        }
    }
}

/// What one value of a dimension cost in two windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The dimension.
    pub by: DriverBy,
    /// The value; `None` where the usage has none.
    pub name: Option<String>,
    /// Cost in the earlier window.
    pub before: Usd,
    /// Cost in the later window.
    pub after: Usd,
}

/// A value that drives a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    /// The dimension.
    pub by: DriverBy,
    /// The value.
    pub name: String,
    /// Its own change of cost.
    pub delta: Usd,
    /// Its part of the whole change, thousandths, rounded towards zero; above 1000 where others went
    /// the other way.
    pub share_per_mille: i64,
}

/// The strongest drivers of `delta`, at most `most`, and at most one of each dimension: the values of
/// one dimension are parts of each other's whole, and two of them would crowd out the key.
///
/// A value's strength is its share of the change times what it did not make of the earlier cost: the
/// one key a team has makes all of any change and explains none. Ties go to the earlier dimension and
/// name, so that the order depends on nothing else.
pub fn drivers(moved: &[Moved], delta: Usd, most: usize) -> Vec<Driver> {
    let whole = delta.pico();
    if whole == 0 {
        return Vec::new();
    }
    let mut ranked: Vec<(i128, Driver)> = moved
        .iter()
        .filter_map(|one| {
            let name = one.name.clone()?;
            let own = one.after - one.before;
            let share = own.pico().saturating_mul(1000) / whole;
            let share_per_mille = i64::try_from(share).unwrap_or(i64::MAX);
            let strength = share.min(1000) * (1000 - share_before(one, moved));
            let strength = (strength + STRENGTH_STEP / 2) / STRENGTH_STEP;
            (share > 0)
                .then_some((strength, Driver { by: one.by, name, delta: own, share_per_mille }))
        })
        .collect();
    ranked.sort_by(|(a, one), (b, other)| {
        let size = |driver: &Driver| Reverse(driver.share_per_mille);
        (Reverse(a), one.by, size(one), &one.name).cmp(&(
            Reverse(b),
            other.by,
            size(other),
            &other.name,
        ))
    });
    let mut chosen: Vec<Driver> = Vec::new();
    for (_, driver) in ranked {
        if chosen.len() < most && chosen.iter().all(|other| other.by != driver.by) {
            chosen.push(driver);
        }
    }
    chosen
}

/// What a value made of its dimension's earlier cost, thousandths.
fn share_before(one: &Moved, moved: &[Moved]) -> i128 {
    let all: Usd = moved.iter().filter(|other| other.by == one.by).map(|other| other.before).sum();
    one.before.share_per_mille(all).map_or(0, |share| i128::from(share).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(by: DriverBy, name: &str, before: i64, after: i64) -> Moved {
        let name = (!name.is_empty()).then(|| name.to_owned());
        Moved { by, name, before: Usd::from_dollars(before), after: Usd::from_dollars(after) }
    }

    #[test]
    fn the_runaway_feature_comes_before_the_model_and_the_only_key() {
        let moved = [
            moved(DriverBy::Key, "key_1", 10, 110),
            moved(DriverBy::Model, "opus", 4, 104),
            moved(DriverBy::Model, "sonnet", 6, 6),
            moved(DriverBy::Feature, "agent-loop", 1, 101),
            moved(DriverBy::Feature, "digest", 9, 9),
            moved(DriverBy::Customer, "", 10, 110),
        ];
        let found = drivers(&moved, Usd::from_dollars(100), 3);
        let told: Vec<(&str, i64)> =
            found.iter().map(|d| (d.name.as_str(), d.share_per_mille)).collect();
        assert_eq!(told, [("agent-loop", 1000), ("opus", 1000), ("key_1", 1000)]);
    }

    #[test]
    fn of_a_feature_and_its_only_user_the_feature_comes_first() {
        let moved = [
            moved(DriverBy::User, "dev-03", 0, 100),
            moved(DriverBy::User, "dev-04", 10, 10),
            moved(DriverBy::Feature, "agent-loop", 0, 99),
            moved(DriverBy::Feature, "digest", 10, 11),
        ];
        let found = drivers(&moved, Usd::from_dollars(100), 3);
        let told: Vec<&str> = found.iter().map(|driver| driver.name.as_str()).collect();
        assert_eq!(told, ["agent-loop", "dev-03"]);
    }

    #[test]
    fn a_fall_is_driven_by_what_fell_and_what_rose_is_no_driver() {
        let moved = [
            moved(DriverBy::Model, "gone", 80, 0),
            moved(DriverBy::Model, "new", 0, 20),
            moved(DriverBy::Model, "less", 20, 10),
        ];
        let found = drivers(&moved, Usd::from_dollars(-70), 3);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].share_per_mille), ("gone", 1142));
        assert!(drivers(&moved, Usd::ZERO, 3).is_empty());
    }
}
