//! What is added up, and its values: amounts, counts, and pairs of both. Never a float.

use units::Usd;

use crate::LakeError;
use crate::filter::Table;
use crate::rows::Rows;

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Billed cost, USD; usage without a price is not in it.
    Cost,
    /// Cost at list prices, USD.
    ListCost,
    /// Input tokens, cached ones included.
    InputTokens,
    /// Output tokens, reasoning included.
    OutputTokens,
    /// Requests, by their final rows, refused ones included.
    Requests,
    /// Billed cost over requests, USD.
    CostPerRequest,
    /// What answers from the cache would have cost, USD.
    CacheSaved,
}

/// A metric's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// US dollars.
    Money(Usd),
    /// Tokens or requests.
    Count(u64),
    /// US dollars over requests, undivided.
    PerRequest {
        /// The dollars.
        cost: Usd,
        /// The requests.
        requests: u64,
    },
}

/// A column of sums: its name in rolled-up tables and in answers, and what it adds up of single rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: &'static str,
    /// The expression over single rows.
    pub(crate) of_rows: &'static str,
    /// Whether it holds money, else counts.
    pub(crate) is_money: bool,
}

const fn money(name: &'static str, of_rows: &'static str) -> Column {
    Column { name, of_rows, is_money: true }
}

const fn count(name: &'static str, of_rows: &'static str) -> Column {
    Column { name, of_rows, is_money: false }
}

const COST: Column = money("cost_usd", "cost_usd");
const LIST_COST: Column = money("list_cost_usd", "cost_list_usd");
const SAVED: Column = money("saved_usd", "cache_saved_usd");
const INPUT_TOKENS: Column = count("input_tokens", "input_tokens_total");
const OUTPUT_TOKENS: Column = count("output_tokens", "output_tokens_total");
const REQUESTS: Column = count("requests", "CASE WHEN is_final AND revision = 0 THEN 1 ELSE 0 END");

/// What a row adds to the number of attempts that used something but whose cost is unknown: a
/// restatement gives one a price, a retraction takes it away.
pub(crate) const UNPRICED_OF_ROWS: &str = "CASE WHEN usage_source = 'none' THEN 0 \
    WHEN adjustment = 'restatement' THEN -1 \
    WHEN adjustment = 'retraction' THEN 1 \
    WHEN cost_usd IS NULL THEN 1 ELSE 0 END";

/// Attempts that used something but whose cost is unknown: counted beside every metric.
pub(crate) const UNPRICED: Column = count("unpriced", UNPRICED_OF_ROWS);

impl Column {
    /// The expression that is added up, over a table.
    pub(crate) const fn of(&self, table: Table) -> &'static str {
        match table {
            Table::Rows => self.of_rows,
            Table::Rollup(_) => self.name,
        }
    }
}

impl Metric {
    /// Every metric.
    pub const ALL: &'static [Metric] = &[
        Metric::Cost,
        Metric::ListCost,
        Metric::InputTokens,
        Metric::OutputTokens,
        Metric::Requests,
        Metric::CostPerRequest,
        Metric::CacheSaved,
    ];

    /// The columns it is made of. Series are ranked by the first: a ratio by its cost, since the dearest
    /// single request tells little.
    pub(crate) const fn columns(self) -> &'static [Column] {
        match self {
            Metric::Cost => &[COST],
            Metric::ListCost => &[LIST_COST],
            Metric::InputTokens => &[INPUT_TOKENS],
            Metric::OutputTokens => &[OUTPUT_TOKENS],
            Metric::Requests => &[REQUESTS],
            Metric::CostPerRequest => &[COST, REQUESTS],
            Metric::CacheSaved => &[SAVED],
        }
    }

    /// Nothing of it.
    pub const fn zero(self) -> Measure {
        match self {
            Metric::Cost | Metric::ListCost | Metric::CacheSaved => Measure::Money(Usd::ZERO),
            Metric::InputTokens | Metric::OutputTokens | Metric::Requests => Measure::Count(0),
            Metric::CostPerRequest => Measure::PerRequest { cost: Usd::ZERO, requests: 0 },
        }
    }

    pub(crate) fn read(self, rows: &Rows, row: usize) -> Result<Measure, LakeError> {
        Ok(match (self.zero(), self.columns()) {
            (Measure::Money(_), [column, ..]) => Measure::Money(rows.known_sum(row, column.name)?),
            (Measure::Count(_), [column, ..]) => Measure::Count(rows.count(row, column.name)?),
            _ => Measure::PerRequest {
                cost: rows.known_sum(row, COST.name)?,
                requests: rows.count(row, REQUESTS.name)?,
            },
        })
    }
}

impl Measure {
    /// The sum of two values of one metric; of different metrics, the first alone.
    #[must_use]
    pub fn plus(self, other: Measure) -> Measure {
        match (self, other) {
            (Measure::Money(a), Measure::Money(b)) => Measure::Money(a + b),
            (Measure::Count(a), Measure::Count(b)) => Measure::Count(a.saturating_add(b)),
            (
                Measure::PerRequest { cost, requests },
                Measure::PerRequest { cost: more, requests: others },
            ) => {
                Measure::PerRequest { cost: cost + more, requests: requests.saturating_add(others) }
            }
            (first, _) => first,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_zero(self) -> bool {
        match self {
            Measure::Money(amount) => amount.is_zero(),
            Measure::Count(count) => count == 0,
            Measure::PerRequest { cost, requests } => cost.is_zero() && requests == 0,
        }
    }
}
