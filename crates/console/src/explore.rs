//! Questions about usage over time and their answers, and the trait they are asked through.
//!
//! A question is all typed: what it was read from, and how its answer is drawn, is the page's business.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use units::{BillingZone, Slug, UnixMicros, Usd};

use crate::ledger::LedgerError;

/// Where usage is explored.
#[async_trait]
pub trait Explorer: Send + Sync {
    /// Answers a question.
    async fn explore(&self, question: &Question) -> Result<Answer, LedgerError>;
}

/// A choice of a few words, each with the name addresses know it by and what people call it.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal, $title:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All of them, as forms list them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The name in addresses.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The name people read.
            pub const fn title(self) -> &'static str {
                match self { $($name::$variant => $title,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                found.ok_or_else(|| UnknownWord::new($what, text))
            }
        }
    };
}

words!(
    /// How time is cut.
    Grain, "grain" {
        /// Not at all: one figure for the whole range.
        Total = "total", "Total";
        /// Hours.
        Hour = "hour", "Hour";
        /// Days of the organisation's zone.
        Day = "day", "Day";
        /// Weeks from Monday.
        Week = "week", "Week";
        /// Calendar months.
        Month = "month", "Month";
    }
);

words!(
    /// What is added up.
    Metric, "metric" {
        /// Billed cost, US dollars; usage without a price is not in it.
        Cost = "cost", "Cost";
        /// Cost at list prices, US dollars.
        ListCost = "list-cost", "List cost";
        /// Input tokens, cached ones included.
        InputTokens = "input-tokens", "Input tokens";
        /// Output tokens, reasoning included.
        OutputTokens = "output-tokens", "Output tokens";
        /// Requests, refused ones included.
        Requests = "requests", "Requests";
        /// Billed cost over requests, US dollars.
        CostPerRequest = "cost-per-request", "Cost per request";
        /// What answers from the cache would have cost, US dollars.
        CacheSaved = "cache-saved", "Saved by the cache";
    }
);

words!(
    /// A dimension of usage.
    Dimension, "dimension" {
        /// Team.
        Team = "team", "Team";
        /// Project.
        Project = "project", "Project";
        /// Product feature.
        Feature = "feature", "Feature";
        /// Customer served.
        Customer = "customer", "Customer";
        /// End user.
        User = "user", "User";
        /// Virtual key.
        Key = "key", "Key";
        /// Model as sent to the provider.
        Model = "model", "Model";
        /// Provider.
        Provider = "provider", "Provider";
        /// Route.
        Route = "route", "Route";
    }
);

/// A word that is none of those a choice offers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is no {what}")]
pub struct UnknownWord {
    what: &'static str,
    text: String,
}

impl UnknownWord {
    fn new(what: &'static str, text: &str) -> Self {
        Self { what, text: text.chars().take(64).collect() }
    }
}

/// What usage is grouped or filtered by. In addresses a dimension's name, or `tag:` and a tag's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum By {
    /// A dimension.
    Dimension(Dimension),
    /// A tag the clients attached.
    Tag(String),
}

/// Longest name of a tag, bytes: the gateway keeps no longer ones.
const TAG_BYTES_MAX: usize = 256;

impl By {
    /// The name people read: `Team`, `Tag env`.
    pub fn title(&self) -> String {
        match self {
            By::Dimension(dimension) => dimension.title().to_owned(),
            By::Tag(name) => format!("Tag {name}"),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Dimension(dimension) => f.write_str(dimension.as_str()),
            By::Tag(name) => write!(f, "tag:{name}"),
        }
    }
}

impl FromStr for By {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text.strip_prefix("tag:") {
            Some(name) if name.is_empty() || name.len() > TAG_BYTES_MAX => {
                Err(UnknownWord::new("tag name", name))
            }
            Some(name) => Ok(By::Tag(name.to_owned())),
            None => text.parse().map(By::Dimension),
        }
    }
}

/// Usage to take in or leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub by: By,
    /// Leave out what matches, instead of everything else.
    pub is_excluded: bool,
    /// What it must be one of; `None` is usage without any.
    pub values: Vec<Option<String>>,
}

/// The instants from `from` up to, but not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First instant.
    pub from: UnixMicros,
    /// First instant after.
    pub to: UnixMicros,
}

/// A question about usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// When.
    pub span: Span,
    /// The only team whose usage counts; `None` is everybody's.
    pub team: Option<Slug>,
    /// The zone days, weeks and months are cut in.
    pub zone: BillingZone,
    /// How time is cut.
    pub grain: Grain,
    /// What is added up.
    pub metric: Metric,
    /// What it is broken down by: two at most.
    pub group_by: Vec<By>,
    /// What all usage must meet.
    pub conditions: Vec<Condition>,
    /// How many series are told apart; the rest is one.
    pub top: u32,
}

/// A metric's value. Never a float: an average stays the pair it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// US dollars.
    Money(Usd),
    /// Tokens or requests.
    Count(u64),
    /// US dollars over requests.
    PerRequest {
        /// The dollars.
        cost: Usd,
        /// The requests.
        requests: u64,
    },
}

impl Measure {
    /// Both together. Measures of different kinds do not add: the first stays.
    #[must_use]
    pub fn plus(self, other: Measure) -> Self {
        match (self, other) {
            (Measure::Money(a), Measure::Money(b)) => Measure::Money(a + b),
            (Measure::Count(a), Measure::Count(b)) => Measure::Count(a.saturating_add(b)),
            (
                Measure::PerRequest { cost, requests },
                Measure::PerRequest { cost: more, requests: also },
            ) => Measure::PerRequest { cost: cost + more, requests: requests.saturating_add(also) },
            _ => self,
        }
    }

    /// What is left without a part of it. Measures of different kinds do not subtract.
    #[must_use]
    pub fn without(self, part: Measure) -> Self {
        match (self, part) {
            (Measure::Money(a), Measure::Money(b)) => Measure::Money(a - b),
            (Measure::Count(a), Measure::Count(b)) => Measure::Count(a.saturating_sub(b)),
            (
                Measure::PerRequest { cost, requests },
                Measure::PerRequest { cost: less, requests: fewer },
            ) => {
                Measure::PerRequest { cost: cost - less, requests: requests.saturating_sub(fewer) }
            }
            _ => self,
        }
    }

    /// Nothing of the same kind.
    #[must_use]
    pub fn nothing(self) -> Self {
        match self {
            Measure::Money(_) => Measure::Money(Usd::ZERO),
            Measure::Count(_) => Measure::Count(0),
            Measure::PerRequest { .. } => Measure::PerRequest { cost: Usd::ZERO, requests: 0 },
        }
    }
}

/// One value of what was grouped by, over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// A value per group-by; `None` where usage has none. Empty for the total and the rest.
    pub key: Vec<Option<String>>,
    /// A value per bucket.
    pub points: Vec<Measure>,
    /// The whole range.
    pub total: Measure,
    /// Calls that used something and whose cost is unknown.
    pub unpriced: u64,
}

/// What a question is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The first instant of each bucket, in order.
    pub buckets: Vec<UnixMicros>,
    /// Largest first, as many as asked for.
    pub series: Vec<Series>,
    /// All others as one; `None` when there are none.
    pub other: Option<Series>,
    /// Everything.
    pub total: Series,
    /// The SQL that gives these figures.
    pub sql: String,
    /// The figures come from sums kept ready, not from single rows. Both are exact.
    pub is_rolled_up: bool,
}

/// No usage to explore, for consoles without a ledger of rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingToExplore;

#[async_trait]
impl Explorer for NothingToExplore {
    async fn explore(&self, _: &Question) -> Result<Answer, LedgerError> {
        Err(LedgerError::Failed("this console has nothing to explore".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_others_are_named() {
        for dimension in Dimension::ALL {
            assert_eq!(dimension.as_str().parse(), Ok(*dimension));
        }
        assert_eq!("tag:env".parse(), Ok(By::Tag("env".to_owned())));
        assert_eq!("tag:a:b".parse::<By>().map(|by| by.to_string()), Ok("tag:a:b".to_owned()));
        for bad in ["tag:", "teams", "", "Team"] {
            assert!(bad.parse::<By>().is_err(), "{bad}");
        }
        let error = "week".parse::<Metric>().unwrap_err();
        assert_eq!(error.to_string(), "“week” is no metric");
    }
}
