//! The population: teams with keys, features with shapes, customers and users, drawn from a seed.

use units::KeyId;

use super::cast::{CUSTOMERS, MODELS, ModelUse, TEAMS, TeamRow};
use crate::dice::{Dice, mix, mix_text};

/// Slug of the organisation everything belongs to.
const ORGANISATION: &str = "acme";
/// Users of a team that serves no customers.
const STAFF: u64 = 14;
/// Users of the largest customer.
const CUSTOMER_USERS_MAX: u64 = 60;

/// Everyone who uses models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    /// What everything was drawn from.
    pub seed: u64,
    /// Slug of the organisation.
    pub organisation: String,
    /// The teams.
    pub teams: Vec<Team>,
    /// The customers, largest first.
    pub customers: Vec<Customer>,
}

/// A team and its one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Slug.
    pub slug: String,
    /// Slug of its project.
    pub project: String,
    /// The key its traffic uses.
    pub key_id: KeyId,
    /// Share of all requests, in any unit.
    pub weight: u64,
    /// Whether its requests serve customers.
    pub serves_customers: bool,
    /// What it builds.
    pub features: Vec<Feature>,
}

/// A feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Slug.
    pub slug: String,
    /// Share of the team's requests, in any unit.
    pub weight: u64,
    /// Models it uses, each with its share.
    pub models: Vec<(ModelUse, u64)>,
    /// What its requests look like.
    pub shape: Shape,
}

/// The size of a feature's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Median of all input, tokens.
    pub input_tokens: u64,
    /// Median of all output, tokens.
    pub output_tokens: u64,
    /// Part of the input read from a cache, percent.
    pub cached_percent: u64,
    /// Part of the output that is reasoning, percent.
    pub reasoning_percent: u64,
    /// Requests that stream, percent.
    pub stream_percent: u64,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Slug.
    pub slug: String,
    /// Share of the requests that serve customers, in any unit.
    pub weight: u64,
    /// How many of its people are seen.
    pub users: u64,
}

impl Population {
    /// The population of a seed: six teams, about four features each, forty customers of whom the
    /// first few make most of the traffic.
    pub fn seeded(seed: u64) -> Self {
        let mut dice = Dice::new(mix_text(seed, "population"));
        let teams = TEAMS.iter().map(|row| team(seed, row, &mut dice)).collect();
        let mut names = CUSTOMERS;
        for last in (1..names.len()).rev() {
            names.swap(last, dice.index(last + 1));
        }
        let customers = (1..).zip(names).map(|(rank, name)| customer(rank, name)).collect();
        Self { seed, organisation: ORGANISATION.to_owned(), teams, customers }
    }

    /// The team of a slug.
    pub fn team(&self, slug: &str) -> Option<&Team> {
        self.teams.iter().find(|team| team.slug == slug)
    }

    /// Every model in use.
    pub const fn models(&self) -> &'static [ModelUse] {
        &MODELS
    }

    /// A team and one of its features, as likely as their weights.
    pub(super) fn pick(&self, dice: &mut Dice) -> Option<(&Team, &Feature)> {
        let team = dice.weighted(&self.teams, |team| team.weight)?;
        let feature = dice.weighted(&team.features, |feature| feature.weight)?;
        Some((team, feature))
    }

    /// Who a request of `team` is for: a customer where the team serves them, and a user.
    pub(super) fn whom(&self, team: &Team, dice: &mut Dice) -> (Option<String>, String) {
        let customer = dice.weighted(&self.customers, |customer| customer.weight);
        match customer.filter(|_| team.serves_customers) {
            Some(customer) => {
                let user = dice.below(customer.users) + 1;
                (Some(customer.slug.clone()), format!("{}-user-{user:02}", customer.slug))
            }
            None => (None, format!("{}-dev-{:02}", team.slug, dice.below(STAFF) + 1)),
        }
    }
}

fn team(seed: u64, row: &TeamRow, dice: &mut Dice) -> Team {
    let features = row
        .features
        .iter()
        .map(|row| Feature {
            slug: row.slug.to_owned(),
            weight: row.weight,
            models: row.models.to_vec(),
            shape: Shape {
                input_tokens: row.tokens.0,
                output_tokens: row.tokens.1,
                cached_percent: row.percents.0,
                reasoning_percent: row.percents.1,
                stream_percent: row.percents.2,
            },
        })
        .collect();
    Team {
        slug: row.slug.to_owned(),
        project: row.project.to_owned(),
        key_id: key_id(mix_text(seed, row.slug)),
        weight: row.weight * dice.between(85, 115),
        serves_customers: row.serves_customers,
        features,
    }
}

/// Shares fall with the rank, as those of real customers do: the first ten make two thirds.
fn customer(rank: u64, name: &str) -> Customer {
    Customer {
        slug: name.to_owned(),
        weight: 10_000 / rank,
        users: (CUSTOMER_USERS_MAX / rank).max(2),
    }
}

/// A key id in the layout of a UUIDv7 of 2026-01-01, so that it looks and sorts like others.
fn key_id(bits: u64) -> KeyId {
    KeyId::from_u128(super::moment::uuid_v7(1_767_225_600_000, mix(bits, 1), mix(bits, 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_population_and_another_does_not() {
        assert_eq!(Population::seeded(7), Population::seeded(7));
        assert_ne!(Population::seeded(7), Population::seeded(8));
    }

    #[test]
    fn customers_are_skewed_and_every_name_is_a_slug() {
        let population = Population::seeded(1);
        assert_eq!((population.teams.len(), population.customers.len()), (6, 40));
        let weight = |n: usize| population.customers[..n].iter().map(|c| c.weight).sum::<u64>();
        assert!(weight(10) * 100 / weight(40) > 60);
        let teams = population.teams.iter().flat_map(|team| [&team.slug, &team.project]);
        let features = population.teams.iter().flat_map(|t| t.features.iter().map(|f| &f.slug));
        let customers = population.customers.iter().map(|customer| &customer.slug);
        for slug in teams.chain(features).chain(customers) {
            assert!(slug.parse::<units::Slug>().is_ok(), "{slug}");
        }
        let key = population.teams[0].key_id;
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}
